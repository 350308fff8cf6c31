package backend

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/all"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/dataflowpb"
)

func (r *rig) defaults(t *testing.T) []string {
	t.Helper()
	page, err := r.client.List(t.Context(), &backendpb.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, b := range page.GetBackends() {
		if b.GetIsDefault() {
			names = append(names, b.GetName())
		}
	}
	return names
}

func TestOneDefault(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, Options{})
	dir := t.TempDir()
	r.create(t, "a", mkdir(t, dir, "a"))
	r.create(t, "b", mkdir(t, dir, "b"))
	yes, no := true, false
	is := func(name string) {
		t.Helper()
		if got := r.defaults(t); len(got) != 1 || got[0] != name {
			t.Errorf("defaults %q, want %s alone", got, name)
		}
	}
	is("a")
	if _, err := r.client.Update(t.Context(), &backendpb.UpdateRequest{IdOrName: "b", IsDefault: &yes}); err != nil {
		t.Fatal(err)
	}
	is("b")
	_, err := r.client.Update(t.Context(), &backendpb.UpdateRequest{IdOrName: "b", IsDefault: &no})
	want(t, err, errs.FailedPrecondition, "default", "make another")
	_, err = r.client.Update(t.Context(), &backendpb.UpdateRequest{IdOrName: "b", Options: map[string]string{"readOnly": "true"}})
	want(t, err, errs.FailedPrecondition, "options.readOnly", "default")
	_, err = r.client.Delete(t.Context(), &backendpb.DeleteRequest{IdOrName: "b"})
	want(t, err, errs.FailedPrecondition, "Default", "is the default")
	is("b")
	for _, name := range []string{"a", "b"} { // the last one may go
		if _, err := r.client.Delete(t.Context(), &backendpb.DeleteRequest{IdOrName: name}); err != nil {
			t.Errorf("Delete %s: %v", name, err)
		}
	}
	r.create(t, "c", mkdir(t, dir, "c"))
	is("c")
}

func TestInUse(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, Options{})
	dir := t.TempDir()
	r.create(t, "b", mkdir(t, dir, "b"))
	elsewhere, prefix, renamed := mkdir(t, dir, "elsewhere"), "p/", "renamed"
	before := r.dump(t)
	for _, c := range []struct {
		name string
		use  func()
		text string
	}{
		{"objects", func() { r.peers.inUse = `bucket "x" has objects on it` }, `bucket "x" has objects on it`},
		{"plan", func() {
			r.peers.inUse, r.peers.plans = "", []*dataflowpb.Plan{{Name: "p", Destination: &dataflowpb.Endpoint{Backend: "b"}}}
		}, `plan "p" names it`},
		{"job", func() {
			r.peers.plans, r.peers.jobs = nil, []*dataflowpb.Job{{Id: "j1", Plan: &dataflowpb.Plan{Source: &dataflowpb.Endpoint{Backend: "b"}}}}
		}, "job j1 is at work on it"},
	} {
		c.use()
		_, err := r.client.Delete(t.Context(), &backendpb.DeleteRequest{IdOrName: "b"})
		want(t, err, errs.FailedPrecondition, "InUse", c.text)
		_, err = r.client.Update(t.Context(), &backendpb.UpdateRequest{IdOrName: "b", BucketName: &elsewhere})
		want(t, err, errs.FailedPrecondition, "InUse", c.text)
		_, err = r.client.Update(t.Context(), &backendpb.UpdateRequest{IdOrName: "b", Prefix: &prefix})
		want(t, err, errs.FailedPrecondition, "InUse", c.text)
		if c.name != "objects" {
			_, err = r.client.Update(t.Context(), &backendpb.UpdateRequest{IdOrName: "b", Name: &renamed})
			want(t, err, errs.FailedPrecondition, "InUse", c.text)
		}
	}
	if after := r.dump(t); after != before {
		t.Errorf("the state changed from\n%s\nto\n%s", before, after)
	}
	r.peers.jobs = nil
	b, err := r.client.Update(t.Context(), &backendpb.UpdateRequest{IdOrName: "b", BucketName: &elsewhere})
	if err != nil {
		t.Fatal(err)
	}
	if m := markerIn(t, elsewhere); m == nil || m.Backend != b.GetId() {
		t.Errorf("marker of the new place: %+v", m)
	}
	if m := markerIn(t, filepath.Join(dir, "b")); m != nil {
		t.Errorf("marker of the old place: %+v", m)
	}
}

// TestEndpointInUse: another endpoint may lead to the same place, and the marker proves it.
func TestEndpointInUse(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, Options{})
	dir := t.TempDir()
	r.create(t, "b", dir)
	r.peers.inUse = "it is"
	endpoint := "http://elsewhere:9000"
	if _, err := r.client.Update(t.Context(), &backendpb.UpdateRequest{IdOrName: "b", Endpoint: &endpoint}); err != nil {
		t.Errorf("same place by another endpoint: %v", err)
	}
	if m := markerIn(t, dir); m == nil {
		t.Error("the marker is gone")
	}
	r.faults.set("marker", errs.Newf(errs.NotFound, "no such object"))
	endpoint = "http://third:9000"
	_, err := r.client.Update(t.Context(), &backendpb.UpdateRequest{IdOrName: "b", Endpoint: &endpoint})
	want(t, err, errs.FailedPrecondition, "Probe", "not the place that was registered")
	_, err = r.client.Update(t.Context(), &backendpb.UpdateRequest{IdOrName: "b", Endpoint: &endpoint, SkipProbe: true})
	want(t, err, errs.FailedPrecondition, "InUse", "only with a probe")
}

func TestHealth(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, Options{HealthTimeout: 200 * time.Millisecond})
	dir := t.TempDir()
	r.create(t, "b", dir)
	look := func(state, detail string) {
		t.Helper()
		r.svc.lookAtAll(t.Context())
		b, err := r.client.Get(t.Context(), &backendpb.GetRequest{IdOrName: "b"})
		if err != nil || b.GetState() != state || !strings.Contains(b.GetStateDetail(), detail) || b.GetProbeTime() == nil {
			t.Errorf("got %s %q at %v, %v, want %s with %q", b.GetState(), b.GetStateDetail(), b.GetProbeTime(), err, state, detail)
		}
	}
	look("ready", "")
	r.faults.set("marker", errHang)
	look("unreachable", "did not answer within 200ms")
	look("unreachable", "did not answer")
	r.faults.set("marker", errs.Newf(errs.PermissionDenied, "access denied"))
	look("unreachable", "access denied")
	r.faults.set("marker", nil)
	look("ready", "")
	for text, n := range map[string]int{"backend is unreachable": 1, "backend is ready": 1} {
		if got := strings.Count(r.log.String(), text); got != n {
			t.Errorf("%q logged %d times, want %d", text, got, n)
		}
	}
	// A directory that is not the one registered, as when a mount is missing.
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	mkdir(t, dir)
	look("unreachable", "is gone")
	if keys := keysIn(t, dir); len(keys) != 0 {
		t.Errorf("looking left %q", keys)
	}
	if _, err := r.client.Update(t.Context(), &backendpb.UpdateRequest{IdOrName: "b"}); err != nil {
		t.Fatal(err)
	}
	look("ready", "")
}

func TestSkippedProbe(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, Options{})
	dir := t.TempDir()
	in := request("b", dir)
	in.SkipProbe = true
	r.faults.set("marker", errs.Newf(errs.Unavailable, "connection refused"))
	b, err := r.client.Create(t.Context(), in)
	if err != nil || b.GetState() != "unreachable" || b.GetStateDetail() != "not probed yet" {
		t.Fatalf("Create = %v, %v", b, err)
	}
	r.faults.set("marker", nil)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.svc.Run(ctx) })
	defer running.Wait()
	defer stop()
	for deadline := time.Now().Add(10 * time.Second); ; {
		b, err = r.client.Get(t.Context(), &backendpb.GetRequest{IdOrName: "b"})
		if err != nil {
			t.Fatal(err)
		}
		if b.GetState() == "ready" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("still %s: %s", b.GetState(), b.GetStateDetail())
		}
		time.Sleep(5 * time.Millisecond) // polls what Run does in the background
	}
	if m := markerIn(t, dir); m == nil || m.Backend != b.GetId() {
		t.Errorf("marker %+v", m)
	}
}

func TestListPages(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, Options{})
	dir := t.TempDir()
	for _, name := range []string{"c", "a", "b"} {
		r.create(t, name, mkdir(t, dir, name))
	}
	var got []string
	for after, more := "", true; more; {
		page, err := r.client.List(t.Context(), &backendpb.ListRequest{After: after, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range page.GetBackends() {
			got = append(got, b.GetName())
			after = b.GetName()
		}
		more = page.GetMore()
	}
	if strings.Join(got, "") != "abc" {
		t.Errorf("listed %q", got)
	}
}

func TestEnsureDefault(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, Options{})
	dir := filepath.Join(t.TempDir(), "new", "local")
	for range 2 {
		if err := r.svc.EnsureDefault(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
	}
	b, err := r.client.Get(t.Context(), &backendpb.GetRequest{IdOrName: "local"})
	if err != nil || b.GetType() != "posix" || b.GetState() != "ready" || !b.GetIsDefault() {
		t.Fatalf("local = %v, %v", b, err)
	}
	if _, err := r.client.Delete(t.Context(), &backendpb.DeleteRequest{IdOrName: "local"}); err != nil {
		t.Fatal(err)
	}
	if err := newRig(t, r.docs, Options{}).svc.EnsureDefault(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	_, err = r.client.Get(t.Context(), &backendpb.GetRequest{IdOrName: "local"})
	want(t, err, errs.NotFound, "NoSuchBackend", "")
}

// TestOverlappingAtOnce registers overlapping places at the same time: one wins.
func TestOverlappingAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, Options{})
	dir := t.TempDir()
	prefixes := []string{"", "a/", "a/b/", "a/b/c"}
	var won [4]error
	var all sync.WaitGroup
	for i, p := range prefixes {
		all.Go(func() {
			in := request("n"+string(rune('0'+i)), dir)
			in.Backend.Prefix = p
			_, won[i] = r.client.Create(t.Context(), in)
		})
	}
	all.Wait()
	good := 0
	for _, err := range won {
		if err == nil {
			good++
		} else {
			want(t, err, errs.AlreadyExists, "PlaceTaken", "")
		}
	}
	if page, err := r.client.List(t.Context(), &backendpb.ListRequest{}); err != nil || good != 1 || len(page.GetBackends()) != 1 {
		t.Errorf("%d succeeded, listed %v, %v", good, page, err)
	}
	if keys := keysIn(t, dir); len(keys) != 1 {
		t.Errorf("the store has %q", keys)
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	s := &Service{types: all.Registry()}
	at := func(endpoint, bucket, prefix string) place {
		return s.placeOf(adapters.Config{Type: "aws-s3", Endpoint: endpoint, BucketName: bucket, Prefix: prefix})
	}
	for _, c := range []struct {
		name string
		a, b place
		want bool
	}{
		{"scheme and default port", at("http://S3.example.com:80/", "b", ""), at("https://s3.example.com", "b", ""), true},
		{"another port", at("http://h:9000", "b", ""), at("http://h:9001", "b", ""), false},
		{"another bucket", at("http://h", "b", ""), at("http://h", "c", ""), false},
		{"buckets are no directories", at("http://h", "b", ""), at("http://h", "b/c", ""), false},
		{"AWS by default and by name", at("", "b", ""), at("https://s3.eu-west-1.amazonaws.com", "b", "p/"), true},
		{"disjoint prefixes", at("", "b", "a/"), at("", "b", "b/"), false},
		{"prefix without slash", at("", "b", "a"), at("", "b", "ab"), true},
		{"another type, same endpoint", at("http://h", "b", ""), s.placeOf(adapters.Config{Type: "ceph-s3", Endpoint: "h", BucketName: "b"}), true},
		{"directories beside", s.placeOf(adapters.Config{Type: "posix", BucketName: "/x/a"}), s.placeOf(adapters.Config{Type: "posix", BucketName: "/x/ab"}), false},
	} {
		if got := c.a.overlaps(c.b); got != c.want || c.b.overlaps(c.a) != got {
			t.Errorf("%s: %v and %v overlap: %v, want %v", c.name, c.a, c.b, got, c.want)
		}
	}
}

// TestCrashes stops a registration at each of its writes of state, as a crash would. Whatever it left, the same registration succeeds a minute later, and
// no record is left that the index does not name once the sweep has been.
func TestCrashes(t *testing.T) {
	t.Parallel()
	for n := 0; ; n++ {
		r := newRig(t, nil, Options{})
		crash := &crashing{Store: r.docs, left: n}
		dying := newRig(t, crash, Options{})
		dir := t.TempDir()
		_, err := dying.client.Create(t.Context(), request("b", dir))
		if err == nil {
			if n < 4 {
				t.Fatalf("only %d writes: the test looks at the wrong place", n)
			}
			return
		}
		r.svc.now = func() time.Time { return time.Now().Add(2 * pendingLife) }
		if _, err := r.client.Create(t.Context(), request("b", dir)); err != nil {
			t.Errorf("after a crash at write %d: %v", n, err)
		}
		if err := r.svc.sweep(t.Context(), time.Now().Add(2*orphanAge)); err != nil {
			t.Fatal(err)
		}
		records, _ := r.svc.records.List(t.Context(), docstore.Range{Limit: 10})
		healths, _ := r.svc.health.List(t.Context(), docstore.Range{Limit: 10})
		if len(records) != 1 || len(healths) != 1 {
			t.Errorf("after a crash at write %d: %d records, %d healths", n, len(records), len(healths))
		}
		if m, b := markerIn(t, dir), r.defaults(t); m == nil || len(b) != 1 {
			t.Errorf("after a crash at write %d: marker %+v, defaults %v", n, m, b)
		}
	}
}

// crashing does a number of writes and no more.
type crashing struct {
	docstore.Store
	left int
}

func (c *crashing) dead() error {
	if c.left--; c.left < 0 {
		return errs.Newf(errs.Internal, "crashed")
	}
	return nil
}

func (c *crashing) Insert(ctx context.Context, collection string, d docstore.Doc) error {
	if err := c.dead(); err != nil {
		return err
	}
	return c.Store.Insert(ctx, collection, d)
}

func (c *crashing) Replace(ctx context.Context, collection string, d docstore.Doc, old docstore.Rev) error {
	if err := c.dead(); err != nil {
		return err
	}
	return c.Store.Replace(ctx, collection, d, old)
}

func (c *crashing) Delete(ctx context.Context, collection, key string, old docstore.Rev) error {
	if err := c.dead(); err != nil {
		return err
	}
	return c.Store.Delete(ctx, collection, key, old)
}

// A backend is shown as draining before it is asked for the last time whether it is in use, so that whoever uses it afterwards knows; one that is used
// after all stays, as does one whose remover died.
func TestRemovalIsAnnounced(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, Options{})
	dir := t.TempDir()
	r.create(t, "a", mkdir(t, dir, "a"))
	r.create(t, "b", mkdir(t, dir, "b"))
	state := func() string {
		b, err := r.client.Get(t.Context(), &backendpb.GetRequest{IdOrName: "b"})
		if err != nil {
			t.Error(err)
		}
		return b.GetState()
	}
	var states []string
	var second error
	r.peers.asked = func() {
		if states = append(states, state()); len(states) == 2 {
			r.peers.asked = nil
			_, second = r.client.Delete(t.Context(), &backendpb.DeleteRequest{IdOrName: "b"})
			r.peers.mu.Lock()
			r.peers.inUse = `it is the placement of bucket "x"`
			r.peers.mu.Unlock()
		}
	}
	_, err := r.client.Delete(t.Context(), &backendpb.DeleteRequest{IdOrName: "b"})
	want(t, err, errs.FailedPrecondition, "InUse", "placement")
	want(t, second, errs.FailedPrecondition, "Leaving", "by somebody else")
	if got := strings.Join(append(states, state()), " "); got != "ready draining ready" {
		t.Errorf("the states were %s, want ready draining ready", got)
	}
	r.peers.inUse = ""
	err = r.svc.changeIndex(t.Context(), func(x *index) error { // its remover dies here
		e, _ := x.find("b")
		e.Leaving, e.Since = "another", time.Now()
		return nil
	})
	if err != nil || state() != "draining" {
		t.Fatal(err, state())
	}
	_, err = r.client.Delete(t.Context(), &backendpb.DeleteRequest{IdOrName: "b"})
	want(t, err, errs.FailedPrecondition, "Leaving", "")
	r.svc.now = func() time.Time { return time.Now().Add(2 * pendingLife) }
	if _, err := r.client.Delete(t.Context(), &backendpb.DeleteRequest{IdOrName: "b"}); err != nil {
		t.Errorf("a mark of long ago: %v", err)
	}
}
