package backend

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/backendpb"
)

func TestLifeOfABackend(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, Options{})
	dir := t.TempDir()
	b := r.create(t, "one", dir)
	if b.GetState() != "ready" || !b.GetIsDefault() || b.GetCapabilities().GetMaxKeyBytes() == 0 || b.GetCreateTime() == nil || b.GetRev() == "" {
		t.Errorf("created %v", b)
	}
	if m := markerIn(t, dir); m == nil || m.Backend != b.GetId() || m.Cluster != r.svc.cluster {
		t.Errorf("marker %+v, want that of %s", m, b.GetId())
	}
	if keys := keysIn(t, dir); !slices.Equal(keys, []string{MarkerKey}) {
		t.Errorf("the probe left %q", keys)
	}
	for _, by := range []string{"one", b.GetId()} {
		if got, err := r.client.Get(t.Context(), &backendpb.GetRequest{IdOrName: by}); err != nil || got.GetId() != b.GetId() {
			t.Errorf("Get %s = %v, %v", by, got, err)
		}
	}
	if got, err := r.box.Open("backend/"+b.GetId(), b.GetSealedSecurity()); err != nil || string(got) != testSecret {
		t.Errorf("sealed secret opens to %q, %v", got, err)
	}

	name, access := "uno", "other"
	u, err := r.client.Update(t.Context(), &backendpb.UpdateRequest{IdOrName: "one", Name: &name, Access: &access})
	if err != nil || u.GetName() != "uno" || u.GetAccess() != "other" || u.GetRev() == b.GetRev() || u.GetBucketName() != dir {
		t.Errorf("Update = %v, %v", u, err)
	}
	if got, err := r.box.Open("backend/"+b.GetId(), u.GetSealedSecurity()); err != nil || string(got) != testSecret {
		t.Errorf("after an update without a secret it is %q, %v", got, err)
	}
	_, err = r.client.Get(t.Context(), &backendpb.GetRequest{IdOrName: "one"})
	want(t, err, errs.NotFound, "NoSuchBackend", `"one"`)

	if _, err := r.client.Delete(t.Context(), &backendpb.DeleteRequest{IdOrName: "uno"}); err != nil {
		t.Fatal(err)
	}
	if keys := keysIn(t, dir); len(keys) != 0 {
		t.Errorf("after Delete there is %q", keys)
	}
	records, err := r.svc.records.List(t.Context(), docstore.Range{Limit: 10})
	if err != nil || len(records) != 0 {
		t.Errorf("records left: %v, %v", records, err)
	}
	r.create(t, "one", dir) // name and place are free again
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, Options{Region: "home-1"})
	root := t.TempDir()
	taken, free := mkdir(t, root, "taken", "dir"), mkdir(t, root, "free")
	link := filepath.Join(root, "link")
	if err := os.Symlink(taken, link); err != nil {
		t.Fatal(err)
	}
	first := request("first", taken)
	first.Backend.Prefix = "a/b/"
	if _, err := r.client.Create(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	ab := func(c *backendpb.CreateRequest) { c.Backend.BucketName = taken }
	for _, c := range []struct {
		name   string
		change func(*backendpb.CreateRequest)
		code   errs.Code
		reason string
	}{
		{"no name", func(c *backendpb.CreateRequest) { c.Backend.Name = "" }, errs.InvalidArgument, "name"},
		{"bad name", func(c *backendpb.CreateRequest) { c.Backend.Name = "a/b" }, errs.InvalidArgument, "name"},
		{"name like an id", func(c *backendpb.CreateRequest) { c.Backend.Name = "be_0123456789abcdef" }, errs.InvalidArgument, "name"},
		{"name like a region", func(c *backendpb.CreateRequest) { c.Backend.Name = "eu-west-1" }, errs.InvalidArgument, "name"},
		{"name of our region", func(c *backendpb.CreateRequest) { c.Backend.Name = "home-1" }, errs.InvalidArgument, "name"},
		{"no type", func(c *backendpb.CreateRequest) { c.Backend.Type = "" }, errs.InvalidArgument, "type"},
		{"unknown type", func(c *backendpb.CreateRequest) { c.Backend.Type = "tape" }, errs.InvalidArgument, "type"},
		{"no directory", func(c *backendpb.CreateRequest) { c.Backend.BucketName = "" }, errs.InvalidArgument, "bucketName"},
		{"relative directory", func(c *backendpb.CreateRequest) { c.Backend.BucketName = "x/y" }, errs.InvalidArgument, "bucketName"},
		{"field of another type", func(c *backendpb.CreateRequest) { c.Backend.Region = "r" }, errs.InvalidArgument, "region"},
		{"unknown option", func(c *backendpb.CreateRequest) { c.Backend.Options = map[string]string{"x": "1"} }, errs.InvalidArgument, "options.x"},
		{"long secret", func(c *backendpb.CreateRequest) { c.SealedSecurity = sealed(strings.Repeat("x", 5000)) }, errs.InvalidArgument, "security"},
		{"secret in clear", func(c *backendpb.CreateRequest) { c.SealedSecurity = []byte("a secret that nobody sealed at all") }, errs.InvalidArgument, "security"},
		{"read-only default", func(c *backendpb.CreateRequest) {
			c.Backend.IsDefault, c.Backend.Options = true, map[string]string{"readOnly": "true"}
		}, errs.InvalidArgument, "default"},
		{"name taken", func(c *backendpb.CreateRequest) { c.Backend.Name = "first" }, errs.AlreadyExists, "NameTaken"},
		{"same place", func(c *backendpb.CreateRequest) { ab(c); c.Backend.Prefix = "a/b/" }, errs.AlreadyExists, "PlaceTaken"},
		{"shorter prefix", func(c *backendpb.CreateRequest) { ab(c); c.Backend.Prefix = "a" }, errs.AlreadyExists, "PlaceTaken"},
		{"longer prefix", func(c *backendpb.CreateRequest) { ab(c); c.Backend.Prefix = "a/b/c" }, errs.AlreadyExists, "PlaceTaken"},
		{"no prefix", ab, errs.AlreadyExists, "PlaceTaken"},
		{"through a link", func(c *backendpb.CreateRequest) { c.Backend.BucketName = link }, errs.AlreadyExists, "PlaceTaken"},
		{"directory above", func(c *backendpb.CreateRequest) { c.Backend.BucketName = filepath.Dir(taken) }, errs.AlreadyExists, "PlaceTaken"},
		{"directory below", func(c *backendpb.CreateRequest) { c.Backend.BucketName = mkdir(t, taken, "deep") }, errs.AlreadyExists, "PlaceTaken"},
		// The same directory reached as another host: the index cannot know, the marker does.
		{"by another endpoint", func(c *backendpb.CreateRequest) {
			ab(c)
			c.Backend.Prefix, c.Backend.Endpoint = "a/b/", "http://alias"
		}, errs.AlreadyExists, "PlaceTaken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := r.dump(t)
			in := request("second", free)
			c.change(in)
			_, err := r.client.Create(t.Context(), in)
			want(t, err, c.code, c.reason, "")
			if after := r.dump(t); after != before {
				t.Errorf("the state changed from\n%s\nto\n%s", before, after)
			}
			if keys := keysIn(t, free); len(keys) != 0 {
				t.Errorf("the store has %q", keys)
			}
		})
	}
	beside := request("second", taken)
	beside.Backend.Prefix = "a/c/"
	if _, err := r.client.Create(t.Context(), beside); err != nil {
		t.Errorf("a prefix beside the other: %v", err)
	}
}

func TestAnotherClustersPlace(t *testing.T) {
	t.Parallel()
	one, two := newRig(t, nil, Options{}), newRig(t, nil, Options{})
	dir := t.TempDir()
	b := one.create(t, "mine", dir)
	_, err := two.client.Create(t.Context(), request("mine", dir))
	want(t, err, errs.AlreadyExists, "ForeignMarker", "another Gelato")
	if m := markerIn(t, dir); m == nil || m.Backend != b.GetId() {
		t.Errorf("the marker is %+v now", m)
	}
	if keys := keysIn(t, dir); len(keys) != 1 {
		t.Errorf("the store has %q", keys)
	}
	if two.dump(t) != "" {
		t.Errorf("state of the refused: %s", two.dump(t))
	}
}

func TestProbeNamesTheFailingStep(t *testing.T) {
	t.Parallel()
	broken := errs.New(errs.PermissionDenied, "access denied for key with "+testSecret, errors.New("sig "+testSecret))
	for _, c := range []struct {
		op, step string
		err      error
		text     string
	}{
		{"open", "open", broken, "access denied"},
		{"marker", "open", broken, "access denied"},
		{"put", "write", broken, "access denied"},
		{"get", "read", broken, "access denied"},
		{"range", "range", broken, "access denied"},
		{"list", "list", broken, "access denied"},
		{"complete", "multipart", broken, "access denied"},
		{"delete", "delete", broken, "access denied"},
		{"put", "write", errors.New("raw " + testSecret), "unknown way"},
		{"marker", "open", errHang, "did not answer within 2s"},
		{"get", "read", errHang, "did not answer within 2s"},
		{"mark", "marker", broken, "access denied"},
	} {
		t.Run(c.op+" "+c.step, func(t *testing.T) {
			t.Parallel()
			o := Options{}
			if c.err == errHang {
				o.ProbeTimeout = 2 * time.Second
			}
			r := newRig(t, nil, o)
			dir := t.TempDir()
			r.faults.set(c.op, c.err)
			_, err := r.client.Create(t.Context(), request("b", dir))
			want(t, err, errs.FailedPrecondition, "Probe", `step "`+c.step+`": `)
			if got := errs.Public(err); !strings.Contains(got, c.text) {
				t.Errorf("got %q, want %q in it", got, c.text)
			}
			if strings.Contains(errs.Public(err)+r.log.String(), testSecret) {
				t.Errorf("the secret is in %q or the log:\n%s", errs.Public(err), r.log)
			}
			if keys := keysIn(t, dir); c.op != "delete" && len(keys) != 0 {
				t.Errorf("the probe left %q", keys)
			}
			if page, err := r.client.List(t.Context(), &backendpb.ListRequest{}); err != nil || len(page.GetBackends()) != 0 {
				t.Errorf("registered all the same: %v, %v", page, err)
			}
			newRig(t, r.docs, Options{}).create(t, "b", dir)
		})
	}
}

func TestNoSecretAnywhere(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, Options{})
	b := r.create(t, "b", t.TempDir())
	other := "another secret of it"
	if _, err := r.client.Update(t.Context(), &backendpb.UpdateRequest{IdOrName: "b", SealedSecurity: sealed(other)}); err != nil {
		t.Fatal(err)
	}
	r.faults.set("marker", errs.New(errs.Unauthenticated, "bad key "+other, errors.New(other)))
	p, err := r.client.Probe(t.Context(), &backendpb.ProbeRequest{IdOrName: "b"})
	if err != nil || p.GetOk() {
		t.Fatalf("Probe = %v, %v", p, err)
	}
	r.svc.lookAtAll(t.Context())
	got, err := r.client.Get(t.Context(), &backendpb.GetRequest{IdOrName: "b"})
	if err != nil {
		t.Fatal(err)
	}
	healths, err := r.docs.List(t.Context(), healthCollection, docstore.Range{Limit: 10})
	if err != nil || len(healths) != 1 {
		t.Fatal(healths, err)
	}
	for _, secret := range []string{testSecret, other} {
		for where, text := range map[string]string{
			"state": r.dump(t) + string(healths[0].Body), "log": r.log.String(), "answer": b.String() + got.String() + p.String(),
		} {
			if strings.Contains(text, secret) {
				t.Errorf("%q is in the %s: %q", secret, where, text)
			}
		}
	}
	if !strings.Contains(got.GetStateDetail(), "bad key ***") {
		t.Errorf("detail %q", got.GetStateDetail())
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, Options{})
	in := request("ro", t.TempDir())
	in.Backend.Options = map[string]string{"readOnly": "true"}
	b, err := r.client.Create(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if b.GetIsDefault() {
		t.Error("a read-only backend became the default")
	}
	if _, err := r.client.Probe(t.Context(), &backendpb.ProbeRequest{IdOrName: "ro"}); err != nil {
		t.Error(err)
	}
	r.svc.lookAtAll(t.Context())
	if _, err := r.client.Delete(t.Context(), &backendpb.DeleteRequest{IdOrName: "ro"}); err != nil {
		t.Error(err)
	}
	if r.faults.writes != 0 {
		t.Errorf("%d writes", r.faults.writes)
	}
}
