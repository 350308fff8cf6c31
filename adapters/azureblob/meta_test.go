package azureblob

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

var identifier = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

func TestNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"plain": "plain", "with-dash": "with_2ddash", "my_name": "my_name", "my_2dname": "my_5f2dname", "9lives": "_39lives", "a.b": "a_2eb", "_": "_", "a_": "a_", "gelato_x": "gelato_5fx", "gelato": "gelato",
	} {
		if got := encodeName(name); got != want {
			t.Errorf("encodeName(%q) = %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]string{"With_2DDash": "with-dash", "foreign_name": "foreign_name", "X": "x"} {
		if got := decodeName(name); got != want {
			t.Errorf("decodeName(%q) = %q, want %q", name, got, want)
		}
	}
}

func FuzzNames(f *testing.F) {
	for _, name := range []string{"a", "with-dash", "_2d", "__2d", "a_5f", "gelato_", "gelato_5f", "gelato_expires", "gelato_upload", "gelato_key", "gelato_class", "0", "!#$%&'*+-.^_`|~", "_5", "5f_5f5f"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" || strings.ToLower(name) != name {
			return
		}
		text := encodeName(name)
		_, isHeader := contentHeaders(new(adapters.ContentHeaders))[text]
		if !identifier.MatchString(text) || isHeader || text == ownUpload || text == ownKey || text == ownClass {
			t.Errorf("%q is kept as %q", name, text)
		}
		if got := decodeName(strings.ToUpper(text)); got != name {
			t.Errorf("%q is kept as %q and comes back as %q", name, text, got)
		}
	})
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	o := adapters.PutOptions{
		Headers:  adapters.ContentHeaders{ContentType: "text/plain", ContentDisposition: `attachment; filename="ä"`, CacheControl: "a  b", Expires: "0"},
		Metadata: map[string]string{"a-b": "ü", "empty": "", "gelato_expires": "mine"},
	}
	headers, meta, err := describe(o, map[string]string{ownUpload: "id"})
	if err != nil {
		t.Fatal(err)
	}
	info := adapters.Info{Headers: headersOf(headers.BlobContentType, headers.BlobContentEncoding, headers.BlobContentLanguage, headers.BlobContentDisposition, headers.BlobCacheControl)}
	mine := undescribe(&info, meta)
	if info.Headers != o.Headers || !maps.Equal(info.Metadata, o.Metadata) || !maps.Equal(mine, map[string]string{ownUpload: "id"}) {
		t.Errorf("got %+v, %q, want %+v, %q", info, mine, o.Headers, o.Metadata)
	}
	if headers.BlobContentDisposition != nil || headers.BlobCacheControl != nil {
		t.Errorf("Azure gets headers that it would change: %+v", headers)
	}
	o.Metadata = map[string]string{"x": strings.Repeat("v", maxMetadata)}
	if _, _, err := describe(o, nil); !errs.Is(err, errs.InvalidArgument) || errs.ReasonOf(err) != "MetadataTooLarge" {
		t.Errorf("too much metadata: %v", err)
	}
}

// TestKeysOrder has names sort as their keys do, with room for the adapter's own.
func TestKeysOrder(t *testing.T) {
	t.Parallel()
	keys := []string{".gelato", ".gelato~", ".gelato~}", ".gelato~~", ".gelato~~!", ".gelato~~!x", ".gelato~~a", ".gelato~~~", ".gelato~~~x", ".gelato~\u00a0", ".gelatp", "a"}
	if !slices.IsSorted(keys) {
		t.Fatal("the keys are not sorted")
	}
	var names []string
	for _, key := range keys {
		name := encodeKey(key)
		if got, ok := decodeKey(name); !ok || got != key || strings.HasPrefix(name, hidden) {
			t.Errorf("%q is kept as %q and comes back as %q, %v", key, name, got, ok)
		}
		names = append(names, name)
	}
	if !slices.IsSorted(names) {
		t.Errorf("the names %q are not sorted", names)
	}
	for _, name := range []string{"", hidden + "x", ".gelato~~", ".gelato~~a"} {
		if key, ok := decodeKey(name); ok {
			t.Errorf("%q is taken for the key %q", name, key)
		}
	}
}

func TestUnstorable(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a", "/", "a//b", "a/", " ", "a b", "%2e", "😀", "\ue000", "..a", ".a/.b", strings.Repeat("/", 253), strings.Repeat("k", 1024), strings.Repeat("漢", 400)} {
		if why := unstorable(name); why != "" {
			t.Errorf("%.20q: %s", name, why)
		}
	}
	for _, name := range []string{".", "..", "a.", "a./b", "a/..", "../a", `a\b`, "\x01", "a\n", "\x7f", "\u0081", "\uffff", strings.Repeat("/", 254), strings.Repeat("k", 1025)} {
		if unstorable(name) == "" {
			t.Errorf("%.20q would be stored", name)
		}
	}
}
