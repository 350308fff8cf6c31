package glob

import "testing"

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, key string
		want         bool
	}{
		{"*.jpg", "a.jpg", true},
		{"*.jpg", "deep/er/a.jpg", true},
		{"*.jpg", "a.jpg/b", false},
		{"logs/*", "logs/a", true},
		{"logs/*", "logs/a/b", false},
		{"logs/**", "logs/a/b", true},
		{"logs/**", "logs", true},
		{"**/a", "a", true},
		{"**/a", "x/y/a", true},
		{"x/**/a", "x/a", true},
		{"x/**/a", "x/1/2/a", true},
		{"x/**/a", "x/1/2/b", false},
		{"**/b/**/c", "b/b/c", true},
		{"/a", "/a", true},
		{"a//b", "a//b", true},
		{"a?c", "dir/abc", true},
		{"[ab]x", "bx", true},
		{"[ab]x", "cx", false},
		{"*", "", true},
		{"**", "any/thing", true},
	} {
		if err := Check(c.pattern); err != nil {
			t.Errorf("Check(%q) = %v", c.pattern, err)
		}
		if got := Match(c.pattern, c.key); got != c.want {
			t.Errorf("Match(%q, %q) = %v, want %v", c.pattern, c.key, got, c.want)
		}
	}
	for _, bad := range []string{"", "[a", "a/["} {
		if Check(bad) == nil {
			t.Errorf("Check(%q) accepted it", bad)
		}
	}
}
