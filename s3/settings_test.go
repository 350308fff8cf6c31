package s3

import (
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	g.bucket("target", "")
	ctx := t.Context()
	parsed := 0
	parse := func(raw []byte) (*string, error) {
		parsed++
		v := string(raw)
		return &v, nil
	}
	want := func(name, value string, times int) {
		t.Helper()
		b, err := g.catalog.Bucket(ctx, "target")
		if err != nil {
			t.Fatal(err)
		}
		v, err := settingOf(ctx, g.service, b, name, parse)
		if err != nil || (v == nil) != (value == "") || v != nil && *v != value {
			t.Errorf("%s: got %v and %v, want %q", name, v, err, value)
		}
		if parsed != times {
			t.Errorf("%s: parsed %d times, want %d", name, parsed, times)
		}
	}
	want("policy", "", 0)
	long := strings.Repeat("x", 40<<10) // longer than a document of the catalog may be
	if _, err := g.catalog.SetSettings(ctx, "target", map[string][]byte{"policy": []byte(long), "cors": []byte("c")}); err != nil {
		t.Fatal(err)
	}
	before, err := g.catalog.Bucket(ctx, "target")
	if err != nil {
		t.Fatal(err)
	}
	want("policy", long, 1)
	want("policy", long, 1)
	want("cors", "c", 2)
	if _, err := g.catalog.SetSettings(ctx, "target", map[string][]byte{"policy": []byte("new"), "cors": nil}); err != nil {
		t.Fatal(err)
	}
	want("cors", "", 2)
	want("policy", "new", 3)
	if _, err := g.catalog.Setting(ctx, before, "policy"); errs.ReasonOf(err) != "NoSuchSetting" {
		t.Errorf("of a bucket that was read before: got %v, want NoSuchSetting", err)
	}
	if _, err := g.catalog.SetSettings(ctx, "target", map[string][]byte{"cors": make([]byte, 1<<20+1)}); !errs.Is(err, errs.InvalidArgument) {
		t.Errorf("too large: got %v, want InvalidArgument", err)
	}
	want("policy", "new", 3)
	before.Settings = map[string]docstore.Rev{"website": before.Settings["cors"]} // as a bucket that had one when it was read
	if v, err := settingOf(ctx, g.service, before, "website", parse); v != nil || err != nil {
		t.Errorf("removed since the bucket was read: got %v and %v, want none", v, err)
	}
	if _, err := g.catalog.SetSettings(ctx, "absent", nil); errs.ReasonOf(err) != "NoSuchBucket" {
		t.Errorf("got %v, want NoSuchBucket", err)
	}
}
