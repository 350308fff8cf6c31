package s3

import (
	"fmt"
	"net/http"
	"strings"
)

// callers of the tests: the owner of the buckets, another user, the root user, and nobody.
func (g *gateway) as(who string, c call) reply {
	g.t.Helper()
	switch who {
	case "owner":
		c.access, c.secret = userKey, userSecret
	case "other":
		c.access, c.secret = otherKey, otherSecret
	case "anonymous":
		c.unsigned = true
	case "root":
		c.access, c.secret = rootKey, rootSecret
	default:
		g.t.Fatalf("no caller %q", who)
	}
	return g.send(c)
}

// owned makes a bucket of the user "user" with an object "public/k" and one "private/k".
func (g *gateway) owned(name string) string {
	g.t.Helper()
	for _, path := range []string{"/" + name, "/" + name + "/public/k", "/" + name + "/private/k"} {
		if a := g.as("owner", call{method: "PUT", path: path}); a.status != http.StatusOK {
			g.t.Fatalf("PUT %s: %d %s", path, a.status, a.body)
		}
	}
	return name
}

// allow gives a bucket a policy of these statements.
func (g *gateway) allow(bucket string, statements ...string) {
	g.t.Helper()
	doc := `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
	if a := g.as("owner", call{method: "PUT", path: "/" + bucket, query: "policy", body: []byte(doc)}); a.status != http.StatusNoContent {
		g.t.Fatalf("put policy %s: %d %s", doc, a.status, a.body)
	}
}

func statement(effect, principal, action, resource, condition string) string {
	if !strings.HasPrefix(principal, "{") {
		principal = `"` + principal + `"`
	}
	if !strings.HasPrefix(resource, "[") {
		resource = `"` + resource + `"`
	}
	return fmt.Sprintf(`{"Effect":%q,"Principal":%s,"Action":%q,"Resource":%s,"Condition":{%s}}`, effect, principal, action, resource, condition)
}
