package main

import (
	"strings"
	"testing"
)

func TestSummary(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		in   string
		ok   bool
		last string
		has  string
	}{
		"passes and skips": {
			in: `{"Action":"run","Package":"p","Test":"A"}
{"Action":"pass","Package":"p","Test":"A"}
{"Action":"skip","Package":"p","Test":"B"}
{"Action":"pass","Package":"p","Elapsed":1.5}
`, ok: true, last: "1 passed, 0 failed", has: "ok   p 1.5s"},
		"a failing test shows its output": {
			in: `{"Action":"output","Package":"p","Test":"A","Output":"got 1, want 2\n"}
{"Action":"fail","Package":"p","Test":"A"}
{"Action":"fail","Package":"p"}
`, last: "0 passed, 1 failed", has: "got 1, want 2"},
		"a package that does not build is a failure": {
			in: `{"ImportPath":"p [p.test]","Action":"build-output","Output":"undefined: x\n"}
{"Action":"pass","Package":"q","Test":"A"}
{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}
`, last: "1 passed, 1 failed", has: "undefined: x"},
		"a test that never ended is shown": {
			in: `{"Action":"run","Package":"p","Test":"A"}
{"Action":"output","Package":"p","Test":"A","Output":"panic: test timed out\n"}
{"Action":"fail","Package":"p"}
`, last: "0 passed, 1 failed", has: "panic: test timed out"},
		"nothing ran":    {in: "", last: "0 passed, 0 failed"},
		"figures appear": {in: `{"Action":"output","Package":"p","Test":"A","Output":"    a.go:1: figure: ratio 1.2\n"}` + "\n" + `{"Action":"pass","Package":"p","Test":"A"}` + "\n", ok: true, last: "1 passed, 0 failed", has: "A: ratio 1.2"},
		"noise is kept":  {in: "go: downloading x\n", last: "0 passed, 0 failed", has: "go: downloading x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			s := newSummary(&out)
			if err := s.read(strings.NewReader(tc.in)); err != nil {
				t.Fatal(err)
			}
			if got := s.close(); got != tc.ok {
				t.Errorf("ok: got %v, want %v", got, tc.ok)
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if got := lines[len(lines)-1]; got != tc.last {
				t.Errorf("last line: got %q, want %q", got, tc.last)
			}
			if !strings.Contains(out.String(), tc.has) {
				t.Errorf("output lacks %q:\n%s", tc.has, &out)
			}
		})
	}
}
