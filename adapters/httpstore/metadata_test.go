package httpstore

import (
	"strings"
	"testing"
)

func FuzzMetadata(f *testing.F) {
	for _, v := range []string{"", "plain", " x ", "日本", "=?UTF-8?B?eA==?=", "a\r\nb", "=?UTF-8?Q?x?= =?UTF-8?Q?y?=", "\x00"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		v = strings.ToValidUTF8(v, "?")
		header := EncodeMetadata(map[string]string{"k": v})["k"]
		for i := range len(header) {
			if header[i] < ' ' || header[i] > '~' {
				t.Fatalf("%q travels as %q", v, header)
			}
		}
		if got := DecodeMetadata(map[string]string{"K": header})["k"]; got != v {
			t.Errorf("got %q, want %q", got, v)
		}
	})
}
