package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/identitypb"
)

func TestAuthentication(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var disabled keyJSON
	r.do(t, "POST", "keys", `{"user":"root","status":"disabled"}`).into(t, 201, &disabled)
	for _, c := range []struct{ name, access, secret string }{
		{"nothing", "", ""},
		{"wrong secret", rootAccess, "wrong"},
		{"empty secret", rootAccess, ""},
		{"unknown key", "NOBODY", rootSecret},
		{"not the form of a key", "a/b\x01c", rootSecret},
		{"disabled key", disabled.AccessKey, disabled.SecretKey},
		{"prefix of the secret", rootAccess, rootSecret[:10]},
	} {
		for _, path := range []string{"backends", "/v1/other/backends", "backends?limit=bad"} {
			got := r.as(t, c.access, c.secret, "GET", path, "")
			if p := got.problem(t); p.Status != 401 || !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Basic ") {
				t.Errorf("%s: %s = %d %q", c.name, path, got.status, got.body)
			}
		}
		if got := r.as(t, c.access, c.secret, "POST", "backends", `{"name":"x"}`); got.status != 401 {
			t.Errorf("%s: POST = %d", c.name, got.status)
		}
	}
	req, _ := http.NewRequestWithContext(t.Context(), "GET", r.url+"/v1/default/backends", nil)
	req.Header.Set("Authorization", "Bearer x")
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != 401 {
		t.Errorf("bearer: %v, %v", resp, err)
	}
	resp.Body.Close()
	if r.backends.calls != 0 {
		t.Errorf("the backend service was asked %d times", r.backends.calls)
	}
	if got := r.do(t, "GET", "backends", ""); got.status != 200 {
		t.Errorf("root: %d %s", got.status, got.body)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var u userJSON
	got := r.do(t, "POST", "users", `{"name":"ann"}`)
	got.into(t, 201, &u)
	if u.Name != "ann" || u.CreateTime == nil || got.header.Get("Location") != "/v1/default/users/ann" {
		t.Errorf("user %+v at %q", u, got.header.Get("Location"))
	}
	var k keyJSON
	got = r.do(t, "POST", "keys", `{"user":"ann"}`)
	got.into(t, 201, &k)
	if k.User != "ann" || k.Status != "enabled" || len(k.AccessKey) != 20 || len(k.SecretKey) != 40 || got.header.Get("Location") != "/v1/default/keys/"+k.AccessKey {
		t.Errorf("key %+v at %q", k, got.header.Get("Location"))
	}
	for _, what := range []string{"GET users/ann", "GET keys", "POST keys"} {
		method, path, _ := strings.Cut(what, " ")
		if p := r.as(t, k.AccessKey, k.SecretKey, method, path, `{"user":"root"}`).problem(t); p.Status != 403 || p.Code != "NotRoot" {
			t.Errorf("%s with a key of ann: %+v", what, p)
		}
	}
	var second keyJSON
	r.do(t, "POST", "keys", `{"user":"root"}`).into(t, 201, &second)
	if got := r.as(t, second.AccessKey, second.SecretKey, "GET", "users/ann", ""); got.status != 200 {
		t.Errorf("with a second key of root: %d %s", got.status, got.body)
	}
	id, err := r.identity.GetKey(t.Context(), &identitypb.GetKeyRequest{AccessKey: k.AccessKey})
	if err != nil || id.GetUser() != "ann" || id.GetTenant() != "default" || !id.GetEnabled() {
		t.Fatalf("GetKey = %v, %v", id, err)
	}
	if secret, err := r.svc.box.Open("key/"+k.AccessKey, id.GetSealedSecret()); err != nil || string(secret) != k.SecretKey {
		t.Errorf("sealed secret opens to %q, %v", secret, err)
	}

	for _, path := range []string{"keys", "keys/" + k.AccessKey} {
		if got := r.do(t, "GET", path, ""); strings.Contains(got.body, k.SecretKey) || strings.Contains(got.body, "secretKey") || !strings.Contains(got.body, k.AccessKey) {
			t.Errorf("%s = %s", path, got.body)
		}
	}
	if p := r.do(t, "DELETE", "users/ann", "").problem(t); p.Status != 409 || p.Code != "InUse" {
		t.Errorf("user with a key: %+v", p)
	}
	if got := r.do(t, "PUT", "keys/"+k.AccessKey, `{"status":"disabled"}`); got.status != 200 || !strings.Contains(got.body, `"disabled"`) {
		t.Errorf("disable: %d %s", got.status, got.body)
	}
	if got := r.as(t, k.AccessKey, k.SecretKey, "GET", "users/ann", ""); got.status != 401 {
		t.Errorf("disabled key: %d", got.status)
	}
	if id, err := r.identity.GetKey(t.Context(), &identitypb.GetKeyRequest{AccessKey: k.AccessKey}); err != nil || id.GetEnabled() {
		t.Errorf("GetKey of a disabled key = %v, %v", id, err)
	}
	if got := r.do(t, "DELETE", "keys/"+k.AccessKey, ""); got.status != 204 || got.body != "" {
		t.Errorf("DELETE key: %d %s", got.status, got.body)
	}
	if _, err := r.identity.GetKey(t.Context(), &identitypb.GetKeyRequest{AccessKey: k.AccessKey}); !errs.Is(err, errs.NotFound) {
		t.Errorf("GetKey after DELETE: %v", err)
	}
	if got := r.do(t, "DELETE", "users/ann", ""); got.status != 204 {
		t.Errorf("DELETE user: %d %s", got.status, got.body)
	}

	// Neither secret is in the state or the log.
	var state strings.Builder
	for _, c := range []string{userCollection, keyCollection} {
		docs, err := r.docs.List(t.Context(), c, docstore.Range{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range docs {
			state.Write(d.Body)
		}
	}
	if !strings.Contains(state.String(), RootUser) {
		t.Error("the search looks at the wrong place")
	}
	for _, secret := range []string{rootSecret, k.SecretKey} {
		if strings.Contains(state.String(), secret) || strings.Contains(r.log.String(), secret) {
			t.Errorf("%q is in the state or the log", secret)
		}
	}
}

func TestIdentityRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"POST", "users", `{"name":"root"}`, 409, "NameTaken"},
		{"POST", "users", `{"name":"a b"}`, 400, "name"},
		{"POST", "users", `{}`, 400, "name"},
		{"GET", "users/nobody", ``, 404, "NoSuchUser"},
		{"DELETE", "users/nobody", ``, 404, "NoSuchUser"},
		{"DELETE", "users/root", ``, 409, "Root"},
		{"POST", "keys", `{}`, 400, "user"},
		{"POST", "keys", `{"user":"nobody"}`, 400, "user"},
		{"POST", "keys", `{"user":"root","secretKey":"mine"}`, 400, "accessKey"},
		{"POST", "keys", `{"user":"root","status":"on"}`, 400, "status"},
		{"GET", "keys/nothing", ``, 404, "NoSuchKey"},
		{"PUT", "keys/" + rootAccess, `{"status":"disabled"}`, 409, "Root"},
		{"PUT", "keys/" + rootAccess, `{"user":"ann"}`, 400, "status"},
		{"DELETE", "keys/" + rootAccess, ``, 409, "Root"},
	} {
		got := r.do(t, c.method, c.path, c.body)
		if p := got.problem(t); p.Status != c.status || p.Code != c.code {
			t.Errorf("%s %s %s = %d %q, want %d %q", c.method, c.path, c.body, p.Status, p.Code, c.status, c.code)
		}
	}
	var page list[keyJSON]
	r.do(t, "GET", "keys", "").into(t, 200, &page)
	if len(page.Items) != 1 || page.Items[0].Status != "enabled" {
		t.Errorf("keys are %+v now", page)
	}
}

func TestRootChanges(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, bad := range [][2]string{{"a/b", rootSecret}, {rootAccess, "short"}} {
		if err := r.svc.EnsureRoot(t.Context(), bad[0], bad[1]); !errs.Is(err, errs.InvalidArgument) {
			t.Errorf("EnsureRoot(%q) = %v", bad, err)
		}
	}
	if err := r.svc.EnsureRoot(t.Context(), rootAccess, "a new secret"); err != nil {
		t.Fatal(err)
	}
	if got := r.do(t, "GET", "users", ""); got.status != 401 {
		t.Errorf("the old secret: %d", got.status)
	}
	if err := r.svc.EnsureRoot(t.Context(), "ANOTHER", "a new secret"); err != nil {
		t.Fatal(err)
	}
	if got := r.as(t, rootAccess, "a new secret", "GET", "users", ""); got.status != 401 {
		t.Errorf("the old key: %d", got.status)
	}
	if got := r.as(t, "ANOTHER", "a new secret", "GET", "users", ""); got.status != 200 {
		t.Errorf("the new key: %d", got.status)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, name := range []string{"c", "a", "b"} {
		r.do(t, "POST", "users", `{"name":"`+name+`"}`).into(t, 201, &userJSON{})
	}
	var names []string
	next := ""
	for range 10 {
		var page list[userJSON]
		r.do(t, "GET", "users?limit=2&after="+next, "").into(t, 200, &page)
		for _, u := range page.Items {
			names = append(names, u.Name)
		}
		if next = page.Next; next == "" {
			break
		}
	}
	if got := strings.Join(names, " "); got != "a b c root" {
		t.Errorf("listed %q", got)
	}
	for _, limit := range []string{"0", "-1", "1001", "x"} {
		if p := r.do(t, "GET", "users?limit="+limit, "").problem(t); p.Status != 400 || p.Code != "limit" {
			t.Errorf("limit=%s: %+v", limit, p)
		}
	}
}
