package control

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/all"
)

const moon adapters.Type = "moon"

// registry is that of the product and a type that no build has.
func registry() adapters.Registry {
	types := maps.Clone(all.Registry())
	types[moon] = adapters.Descriptor{Description: "far away", Missing: "install a rocket", Fields: []adapters.Field{{Name: "endpoint", Description: "crater", Required: true}}}
	return types
}

// TestTypes compares what REST says of the types with what the adapters declare.
func TestTypes(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	status, text := s.do(t, "GET", "types", nil)
	var list struct {
		Items []struct {
			Name, Description, Missing string
			Available                  bool
			Fields                     []adapters.Field
			Capabilities               adapters.Capabilities
		}
	}
	if err := json.Unmarshal([]byte(text), &list); status != 200 || err != nil {
		t.Fatalf("GET types = %d %s: %v", status, text, err)
	}
	types := registry()
	if len(list.Items) != len(types) {
		t.Errorf("got %d types, want %d", len(list.Items), len(types))
	}
	for _, got := range list.Items {
		want := types[adapters.Type(got.Name)]
		if got.Description != want.Description || got.Missing != want.Missing || got.Available != (want.Missing == "") {
			t.Errorf("%s: got %q, available %v, missing %q, want %q and %q", got.Name, got.Description, got.Available, got.Missing, want.Description, want.Missing)
		}
		fields := slices.Concat(want.Fields, adapters.CommonFields())
		if !slices.EqualFunc(got.Fields, fields, func(a, b adapters.Field) bool {
			return a.Name == b.Name && a.Description == b.Description && a.Required == b.Required && a.Secret == b.Secret && a.Default == b.Default && slices.Equal(a.Choices, b.Choices)
		}) {
			t.Errorf("%s: got fields %+v, want %+v", got.Name, got.Fields, fields)
		}
		wantCan, _ := json.Marshal(want.Capabilities)
		if want.Capabilities.StorageClasses == nil {
			want.Capabilities.StorageClasses = []string{} // an array in REST
			wantCan, _ = json.Marshal(want.Capabilities)
		}
		if can, _ := json.Marshal(got.Capabilities); string(can) != string(wantCan) {
			t.Errorf("%s: got capabilities %s, want %s", got.Name, can, wantCan)
		}
	}
}

// TestRefusedOffline names the field that is wrong, in code and detail, before any store is asked.
func TestRefusedOffline(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	before := s.state(t)
	for name, c := range map[string]struct {
		change object
		status int
		field  string
		detail string
	}{
		"a missing field":      {object{"type": "aws-s3", "access": "a", "security": "s"}, 400, "bucketName", "bucketName is required"},
		"a malformed endpoint": {object{"type": "aws-s3", "access": "a", "security": "s", "bucketName": "b", "endpoint": "ftp://h"}, 400, "endpoint", "endpoint: must be a URL such as https://storage.example.com"},
		"no choice":            {object{"type": "posix", "bucketName": t.TempDir(), "options": object{"readOnly": "maybe"}}, 400, "options.readOnly", "options.readOnly must be one of false, true"},
		"a foreign field":      {object{"type": "posix", "bucketName": t.TempDir(), "region": "r"}, 400, "region", "type posix has no field region"},
		"a type of no build":   {object{"type": "moon", "endpoint": "http://h"}, 501, "type", "type moon is not in this build: install a rocket"},
		"an unknown type":      {object{"type": "sun"}, 400, "type", `unknown backend type "sun"`},
	} {
		in := maps.Clone(c.change)
		in["name"] = "b"
		if p := s.problem(t, "POST", "backends", in); p.Status != c.status || p.Code != c.field || p.Detail != c.detail {
			t.Errorf("%s: got %d %s %q, want %d %s %q", name, p.Status, p.Code, p.Detail, c.status, c.field, c.detail)
		}
	}
	if after := s.state(t); after != before {
		t.Errorf("a refusal changed the state:\n%s\nwas\n%s", after, before)
	}
}

// TestOwnCapabilities shows those of the open store, not those of its type.
func TestOwnCapabilities(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	in := posix(t.TempDir())
	in["prefix"] = "ten bytes/"
	if status, text := s.do(t, "POST", "backends", in); status != 201 {
		t.Fatalf("POST = %d %s", status, text)
	}
	var b struct{ Capabilities adapters.Capabilities }
	_, text := s.do(t, "GET", "backends/files", nil)
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		t.Fatal(err)
	}
	if got := b.Capabilities.MaxKeyBytes; got != 1014 {
		t.Errorf("maxKeyBytes of a backend with a prefix is %d, want 1014", got)
	}
}
