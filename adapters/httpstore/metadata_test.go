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

func FuzzNames(f *testing.F) {
	for _, name := range []string{"plain-1.x", "under_score", "gelato-n-", "gelato-n-.5f", "gelato-n-x.zz", "gelato-n-x.5", "a!#$%&'*+^`|~b", "_", "x.5F"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		name = strings.ToLower(name)
		for sent := range EncodeNames(map[string]string{name: "v"}) {
			for i := range len(sent) {
				if c := sent[i]; !plainInName(c) && c != '.' {
					t.Fatalf("%q travels as %q", name, sent)
				}
			}
			if got := DecodeMetadata(map[string]string{sent: "v"}); len(got) != 1 || got[name] != "v" {
				t.Errorf("%q came back as %v, sent as %q", name, got, sent)
			}
		}
	})
}
