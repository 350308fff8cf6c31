package mongo

import (
	"errors"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/errs"
)

// TestHide masks what a URL has of secrets, in whatever form a message might show it.
func TestHide(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ url, text, want string }{
		{"mongodb://u:p%40ss@h/db", "p%40ss and p@ss of u at h", "***** and ***** of u at h"},
		{"mongodb://u:a@b@h/db", "a@b", "*****"},
		{"mongodb://u:a:b@h/db", "a:b", "*****"},
		{"mongodb://token@h/db", "token", "*****"},
		{"u:secret@h", "secret", "*****"},
		{"mongodb://h/db?tlsCertificateKeyFilePassword=k%2Fey&w=majority", "k/ey k%2Fey majority", "***** ***** majority"},
		{"mongodb://u:bad%zz@h/db", "bad%zz", "*****"},
		{"mongodb://u:abc@h/db?tlscertificatekeyfilepassword=abcdef", "abcdef abc", "***** *****"},
		{"mongodb://h/db", "h/db", "h/db"},
	} {
		hide := target{secrets: secretsOf(tt.url)}
		if got := hide.hide(tt.text); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.url, got, tt.want)
		}
		err := errs.New(errs.Unavailable, "away", errors.New("cause "+tt.text))
		hidden := hide.hidden(err)
		if want := strings.ReplaceAll(err.Error(), tt.text, tt.want); !errs.Is(hidden, errs.Unavailable) || errs.Public(hidden) != "away" || !strings.Contains(hidden.Error(), tt.want) {
			t.Errorf("%s: got error %v, want %v", tt.url, hidden, want)
		}
	}
}
