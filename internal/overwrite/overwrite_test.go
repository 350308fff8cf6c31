package overwrite

import (
	"strings"
	"testing"
	"time"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	early, late := time.Unix(1000, 0), time.Unix(2000, 0)
	fine := early.Add(1)
	one, two := uint64(1), uint64(2)
	md5a, md5b := strings.Repeat("a", 32), strings.Repeat("b", 32)
	for _, c := range []struct {
		name     string
		src, dst Version
		copies   string // the rules that copy
	}{
		{"checksums equal, newer", Version{Size: 1, CRC64: &one, Modified: late}, Version{Size: 1, CRC64: &one, Modified: early}, "ifNewer always"},
		{"checksums differ, older", Version{Size: 1, CRC64: &one, Modified: early}, Version{Size: 1, CRC64: &two, Modified: late}, "ifDifferent always"},
		{"sizes differ", Version{Size: 1, Modified: early}, Version{Size: 2, Modified: late}, "ifDifferent always"},
		{"md5 equal, newer", Version{ETag: md5a, Modified: late}, Version{ETag: strings.ToUpper(md5a), Modified: early}, "ifNewer always"},
		{"md5 differ", Version{ETag: md5a, Modified: early}, Version{ETag: md5b, Modified: late}, "ifDifferent always"},
		{"foreign tags, copied before", Version{ETag: "x", Modified: early}, Version{ETag: md5b, Modified: late}, "always"},
		{"foreign tags, changed since", Version{ETag: "x", Modified: late}, Version{ETag: md5b, Modified: early}, "ifDifferent ifNewer always"},
		{"foreign tags, same time", Version{ETag: "x", Modified: fine}, Version{ETag: md5a + "-2", Modified: fine}, "always"},
		{"whole seconds, same second", Version{ETag: "x", Modified: early}, Version{ETag: "y", Modified: early}, "ifDifferent always"},
		{"whole seconds, same second, finer destination", Version{ETag: "x", Modified: early}, Version{ETag: "y", Modified: early.Add(999 * time.Millisecond)}, "ifDifferent always"},
		{"whole seconds, next second", Version{ETag: "x", Modified: early}, Version{ETag: "y", Modified: early.Add(time.Second)}, "always"},
		{"milliseconds, same one", Version{ETag: "x", Modified: early.Add(5 * time.Millisecond)}, Version{ETag: "y", Modified: early.Add(5 * time.Millisecond)}, "ifDifferent always"},
		{"milliseconds, next one", Version{ETag: "x", Modified: early.Add(5 * time.Millisecond)}, Version{ETag: "y", Modified: early.Add(6 * time.Millisecond)}, "always"},
		{"fine source, whole destination", Version{ETag: "x", Modified: fine}, Version{ETag: "y", Modified: early}, "ifDifferent ifNewer always"},
	} {
		var got []string
		for _, r := range []Rule{Never, IfDifferent, IfNewer, Always} {
			copies, reason := Decide(r, c.src, c.dst)
			if copies {
				got = append(got, string(r))
			}
			if copies == (reason != "") {
				t.Errorf("%s, %s: copy %v for reason %q", c.name, r, copies, reason)
			}
		}
		if strings.Join(got, " ") != c.copies {
			t.Errorf("%s: copied by %q, want %q", c.name, strings.Join(got, " "), c.copies)
		}
	}
}
