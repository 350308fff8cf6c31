package keyring

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/seal"
)

func box(t *testing.T, b byte) *seal.Box {
	t.Helper()
	x, err := seal.New(bytes.Repeat([]byte{b}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func open(t *testing.T, path string) *Ring {
	t.Helper()
	r, err := Open(path, box(t, 1), true, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func want(t *testing.T, err error, code errs.Code, reason string) {
	t.Helper()
	if errs.CodeOf(err) != code || errs.ReasonOf(err) != reason {
		t.Errorf("got %v, want %v %s", err, code, reason)
	}
}

func TestFirstStart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kms.keyring")
	_, err := Open(path, box(t, 1), false, Options{})
	want(t, err, errs.InvalidArgument, "")
	var wg sync.WaitGroup
	rings := make([]*Ring, 8)
	for i := range rings {
		wg.Go(func() { rings[i] = open(t, path) })
	}
	wg.Wait()
	own, err := rings[0].Service()
	if err != nil || own.ID != ServiceKey || own.Version != 1 {
		t.Fatalf("%+v, %v", own, err)
	}
	for _, r := range rings {
		if k, err := r.Service(); err != nil || k != own || r.ID() != rings[0].ID() || r.ID() == "" {
			t.Errorf("starters at once have different keys: %v", err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	text, err := os.ReadFile(path)
	if err != nil || bytes.Contains(text, own.Secret[:]) {
		t.Error("the file has a key in clear")
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	_, err = Open(path, box(t, 2), false, Options{})
	want(t, err, errs.DataLoss, "")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = Open(path, box(t, 1), false, Options{})
	want(t, err, errs.InvalidArgument, "")
}

func TestNames(t *testing.T) {
	t.Parallel()
	r := open(t, filepath.Join(t.TempDir(), "ring"))
	if _, err := r.Create("payroll", []string{"hr", "team/x"}); err != nil {
		t.Fatal(err)
	}
	drawn, err := r.Create("", nil)
	if err != nil || len(drawn.ID) < 20 {
		t.Fatalf("%+v, %v", drawn, err)
	}
	for name, id := range map[string]string{
		"": DefaultKey, "alias/aws/s3": DefaultKey, "payroll": "payroll", "hr": "payroll", "alias/hr": "payroll", "arn:aws:kms:us-east-1:1:alias/team/x": "payroll",
		"arn:aws:kms:us-east-1:111122223333:key/payroll": "payroll", drawn.ID: drawn.ID,
	} {
		if k, err := r.Newest(name); err != nil || k.ID != id {
			t.Errorf("%q is %q, %v, want %q", name, k.ID, err, id)
		}
	}
	for _, name := range []string{"none", "arn:aws:kms", "arn:aws:kms:r:a:key/none", ServiceKey, "alias/" + ServiceKey} {
		_, err := r.Newest(name)
		want(t, err, errs.NotFound, "KMS.NotFoundException")
	}
	for _, name := range []string{"payroll", "hr", DefaultKey, ServiceKey} {
		_, err := r.Create(name, nil)
		want(t, err, errs.AlreadyExists, "")
	}
	_, err = r.Create("twice", []string{"twice"})
	want(t, err, errs.AlreadyExists, "")
	for _, name := range []string{"with blank", "a:b", strings.Repeat("x", 129), "ü"} {
		_, err := r.Create(name, nil)
		want(t, err, errs.InvalidArgument, "")
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ring")
	r := open(t, path)
	if _, err := r.Create("k", nil); err != nil {
		t.Fatal(err)
	}
	first, err := r.Newest("k")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := r.Rotate("k"); err != nil || info.Versions != 2 {
		t.Fatalf("%+v, %v", info, err)
	}
	second, err := r.Newest("k")
	if err != nil || second.Version != 2 || second.Secret == first.Secret {
		t.Errorf("version %d, %v", second.Version, err)
	}
	again := open(t, path)
	if k, err := again.Version("k", 1); err != nil || k != first {
		t.Errorf("the first version: %v", err)
	}
	for _, v := range []int{0, 3} {
		_, err := again.Version("k", v)
		want(t, err, errs.NotFound, "KMS.NotFoundException")
	}
	if info, err := r.SetEnabled("k", false); err != nil || info.Enabled {
		t.Fatalf("%+v, %v", info, err)
	}
	_, err = r.Version("k", 1)
	want(t, err, errs.FailedPrecondition, "KMS.DisabledException")
	_, err = r.Newest("k")
	want(t, err, errs.FailedPrecondition, "KMS.DisabledException")
	if _, err := r.SetEnabled("k", true); err != nil {
		t.Fatal(err)
	}
	if k, err := r.Version("k", 1); err != nil || k != first {
		t.Errorf("enabled again: %v", err)
	}
	_, err = r.SetEnabled(ServiceKey, false)
	want(t, err, errs.FailedPrecondition, "")
	_, err = r.Rotate("none")
	want(t, err, errs.NotFound, "KMS.NotFoundException")
	if got := len(r.List()); got != 3 {
		t.Errorf("%d keys", got)
	}
}

func TestChangesAreOneAtATime(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ring")
	r := open(t, path)
	if err := os.WriteFile(path+".lock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := r.Create("k", nil)
	want(t, err, errs.FailedPrecondition, "")
	if err := os.Remove(path + ".lock"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Create("k", nil); err != nil {
		t.Error(err)
	}
}

// TestOthersSeeChanges has a second process, as it were, follow the file.
func TestOthersSeeChanges(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ring")
	synctest.Test(t, func(t *testing.T) {
		a, b := open(t, path), open(t, path)
		if _, err := a.Create("k", nil); err != nil {
			t.Fatal(err)
		}
		_, err := b.Newest("k")
		want(t, err, errs.NotFound, "KMS.NotFoundException") // it looks once a second
		time.Sleep(lookEvery)
		if _, err := b.Newest("k"); err != nil {
			t.Error(err)
		}
		if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(lookEvery)
		if _, err := b.Newest("k"); err != nil {
			t.Errorf("a file that is broken: %v", err)
		}
		if _, err := b.Create("l", nil); err == nil {
			t.Error("a broken file was replaced")
		}
	})
}

func TestFilesThatAreNone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ring")
	open(t, path)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty": "", "no JSON": "x", "no version": `{"id":"a"}`, "a later version": strings.Replace(string(good), `"version": 1`, `"version": 2`, 1),
		"an unknown field": strings.Replace(string(good), `"version"`, `"x":1,"version"`, 1), "a key twice": strings.Replace(string(good), DefaultKey, ServiceKey, 1),
		"no versions": `{"version":1,"id":"a","keys":[{"id":"k","versions":[]}]}`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, box(t, 1), true, Options{}); !errs.Is(err, errs.InvalidArgument) && !errs.Is(err, errs.DataLoss) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
