package mongo

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"

	"github.com/opensds/gelato/internal/errs"
)

// target is what Open needs to know of a URL before mongo-driver gets it.
type target struct {
	database string
	secrets  []string // what no message may hold
}

// parse checks a URL. Its errors are InvalidArgument and name what is wrong, without the credentials.
func parse(raw string) (target, error) {
	t := target{secrets: secretsOf(raw)}
	refuse := func(format string, args ...any) (target, error) {
		return target{}, errs.Newf(errs.InvalidArgument, "the URL of the state server %s", t.hide(fmt.Sprintf(format, args...)))
	}
	if scheme, _, ok := strings.Cut(raw, "://"); !ok || scheme != "mongodb" && scheme != "mongodb+srv" {
		return refuse("does not begin with mongodb:// or mongodb+srv://")
	}
	cs, err := connstring.ParseAndValidate(raw)
	if err != nil {
		return refuse("is not valid: %v", err)
	}
	if cs.Database == "" {
		return refuse("names no database: mongodb://host/database")
	}
	if strings.ContainsAny(cs.Database, `/\. "$*<>:|?`) || len(cs.Database) > 63 {
		return refuse("names the database %q, which MongoDB does not allow", cs.Database)
	}
	if cs.Database == "admin" || cs.Database == "local" || cs.Database == "config" {
		return refuse("names the database %q, which is MongoDB's own", cs.Database)
	}
	if unknown := slices.Sorted(maps.Keys(cs.UnknownOptions)); len(unknown) > 0 {
		return refuse("has the unknown option %q", unknown[0])
	}
	for _, o := range []struct {
		name, want string
		given      bool
		value      string
	}{
		{"w", "majority", cs.WString != "" || cs.WNumberSet, fmt.Sprint(cs.WString, numberOf(cs))},
		{"journal", "true", cs.JSet, fmt.Sprint(cs.J)},
		{"readConcernLevel", "majority", cs.ReadConcernLevel != "", cs.ReadConcernLevel},
		{"readPreference", "primary", cs.ReadPreference != "", strings.ToLower(cs.ReadPreference)},
	} {
		if o.given && o.value != o.want {
			return refuse("sets the option %s to %q; the state needs %q, which is always used", o.name, o.value, o.want)
		}
	}
	t.database = cs.Database
	return t, nil
}

func numberOf(cs *connstring.ConnString) string {
	if cs.WNumberSet {
		return fmt.Sprint(cs.WNumber)
	}
	return ""
}

// secretsOf returns the password of a URL in each form in which it could appear in a message, and the values of options that may hold one,
// even when the URL is malformed.
func secretsOf(raw string) []string {
	var secrets []string
	add := func(s string) {
		if s == "" {
			return
		}
		secrets = append(secrets, s)
		if plain, err := url.PathUnescape(s); err == nil && plain != s {
			secrets = append(secrets, plain)
		}
	}
	_, rest, ok := strings.Cut(raw, "://")
	if !ok {
		rest = raw
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		user, password, ok := strings.Cut(rest[:i], ":")
		if !ok {
			password = user // something before an @ that is no user:password may be anything
		}
		add(password)
	}
	_, query, _ := strings.Cut(rest, "?")
	for option := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, _ := strings.Cut(option, "=")
		if name = strings.ToLower(name); strings.Contains(name, "password") || strings.Contains(name, "mechanismproperties") {
			add(value)
		}
	}
	// Longest first: one may be a part of another.
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	return secrets
}

// hide masks the secrets of the URL in a text.
func (t target) hide(text string) string {
	for _, s := range t.secrets {
		text = strings.ReplaceAll(text, s, "*****")
	}
	return text
}

// hidden returns an error with the code and message of err whose texts hold no secret of the URL; err itself where they hold none.
func (t target) hidden(err error) error {
	if t.hide(err.Error()) == err.Error() {
		return err
	}
	return errs.New(errs.CodeOf(err), t.hide(errs.Public(err)), fmt.Errorf("%s", t.hide(err.Error())))
}
