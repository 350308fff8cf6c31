package s3shape

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestLegalXML(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"<a>plain &amp; \t\r\n é 🍨</a>", "<a>plain &amp; \t\r\n é 🍨</a>"},
		{"a\x01b\x1f", "a?b?"},
		{"\ufffe\uffff\ufffd\uff5e", "??\ufffd\uff5e"},
		{"&#x1;&#1;&#X1F;&#xFFFF;&#0;", "?????"},
		{"&#x9;&#10;&#13;&#x41;&#x1F368;", "&#x9;&#10;&#13;&#x41;&#x1F368;"},
		{"&", "&"}, {"&#", "&#"}, {"&#;", "&#;"}, {"&#x;", "&#x;"}, {"&#zz;", "&#zz;"}, {"\xef", "\xef"}, {"\xef\xbf", "\xef\xbf"},
		{strings.Repeat("x", 4096-1) + "&#x1;" + strings.Repeat("\x02", 5000), strings.Repeat("x", 4096-1) + "?" + strings.Repeat("?", 5000)},
	} {
		for name, r := range map[string]io.Reader{"at once": strings.NewReader(c.in), "by bytes": iotest.OneByteReader(strings.NewReader(c.in))} {
			got, err := io.ReadAll(LegalXML(io.NopCloser(r)))
			if err != nil || string(got) != c.want {
				t.Errorf("%.40q %s: got %.40q, %v, want %.40q", c.in, name, got, err, c.want)
			}
		}
	}
}
