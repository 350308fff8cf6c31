package userid

import (
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	t.Parallel()
	// Stored access control lists and policies hold these ids: they must never change.
	for name, want := range map[string]string{
		"root": "48ef9f06a3fc4c5a2fd8f73d56492210afb7ad6725b2ba2e3f135ffe84cc808c",
		"ann":  "d079c441b3058cc7a8f0be780e1dd629e8757a6813d98bf2513fcad5941ebcba",
	} {
		if got := Of(name); got != want {
			t.Errorf("Of(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestValid(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		Of("ann"):                  true,
		strings.ToUpper(Of("ann")): false,
		Of("ann")[1:]:              false,
		Of("ann") + "0":            false,
		Of("ann")[1:] + "g":        false,
		"":                         false,
	} {
		if got := Valid(id); got != want {
			t.Errorf("Valid(%q) = %t, want %t", id, got, want)
		}
	}
}
