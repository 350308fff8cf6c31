package s3dialect

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/minio/crc64nvme"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/adapters/s3shape"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/testbed"
)

// some is a dialect without anything of a cloud's own.
func some() Dialect {
	return Dialect{Quirks: Quirks{PathStyle: true}, Signatures: []string{V4, V2}}
}

// open makes a bucket on a versitygw of its own.
func open(t testing.TB) *Store {
	t.Helper()
	srv := testbed.Versity(t, testbed.VersityOptions{})
	srv.CreateBucket("bucket")
	s, err := some().Open(adapters.Config{Endpoint: srv.Endpoint, BucketName: "bucket", Prefix: "pre/fix-", Access: srv.Access, Security: srv.Secret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func random(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b)
	return b
}

// stream hides everything of a reader but Read.
type stream struct{ io.Reader }

func TestProofs(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, c := range []struct {
		name  string
		size  int
		known bool // the CRC beforehand
		sized bool
		proof string
	}{
		{"known", 100, true, true, s3shape.ProofCheckedCRC},
		{"unknown", 100, false, true, s3shape.ProofCheckedCRC},
		{"empty", 0, true, true, s3shape.ProofCheckedCRC},
		{"streamed", 300 << 10, true, true, s3shape.ProofCheckedCRC},
		{"no size, small", 100, false, false, s3shape.ProofCheckedCRC},
		{"no size, empty", 0, true, false, s3shape.ProofCheckedCRC},
		{"no size, one part", httpstore.SpoolFirst + 1, false, false, s3shape.ProofCheckedCRC},
		{"no size, exactly one part", httpstore.SpoolPart, true, false, s3shape.ProofCheckedCRC},
		{"no size, parts", 2*httpstore.SpoolPart + 17, false, false, s3shape.ProofCheckedCRC},
	} {
		body, size := random(c.size), int64(-1)
		if c.sized {
			size = int64(c.size)
		}
		var o adapters.PutOptions
		sum := crc64nvme.Checksum(body)
		if c.known {
			o.CRC64 = &sum
		}
		info, err := s.Put(t.Context(), c.name, stream{bytes.NewReader(body)}, size, o)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if !info.Verified || info.Proof != c.proof || info.Size != int64(c.size) || info.CRC64 == nil || *info.CRC64 != sum {
			t.Errorf("%s: got %+v, want proof %q of %d bytes", c.name, info, c.proof, c.size)
		}
		rc, info, err := s.Get(t.Context(), c.name, adapters.Range{}, "")
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got, err := io.ReadAll(rc)
		rc.Close()
		if err != nil || !bytes.Equal(got, body) || info.CRC64 == nil || *info.CRC64 != sum {
			t.Errorf("%s: read %d bytes, %+v, %v", c.name, len(got), info, err)
		}
	}
}

func TestWrongBodyLeavesNothing(t *testing.T) {
	t.Parallel()
	s := open(t)
	wrong := uint64(7)
	for _, c := range []struct {
		name string
		body string
		size int64
		o    adapters.PutOptions
		want errs.Code
	}{
		{"short", "abc", 4, adapters.PutOptions{}, errs.InvalidArgument},
		{"long", "abcde", 4, adapters.PutOptions{}, errs.InvalidArgument},
		{"not empty", "a", 0, adapters.PutOptions{}, errs.InvalidArgument},
		{"other bytes", "abcd", 4, adapters.PutOptions{CRC64: &wrong}, errs.DataLoss},
		{"other bytes, no size", "abcd", -1, adapters.PutOptions{CRC64: &wrong}, errs.DataLoss},
	} {
		if _, err := s.Put(t.Context(), "k", strings.NewReader(c.body), c.size, c.o); !errs.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
		if _, err := s.Head(t.Context(), "k"); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s: something is there: %v", c.name, err)
		}
	}
}

// TestConditions tests what versitygw enforces, though not against racing writers.
func TestConditions(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.caps.ConditionalPut = true
	put := func(body string, o adapters.PutOptions) (adapters.Info, error) {
		return s.Put(t.Context(), "k", strings.NewReader(body), int64(len(body)), o)
	}
	if _, err := put("a", adapters.PutOptions{IfMatch: "abc"}); !errs.Is(err, errs.FailedPrecondition) {
		t.Errorf("IfMatch where nothing is: %v, want FailedPrecondition", err)
	}
	first, err := put("a", adapters.PutOptions{IfNoneMatch: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := put("b", adapters.PutOptions{IfNoneMatch: true}); !errs.Is(err, errs.AlreadyExists) {
		t.Errorf("IfNoneMatch over an object: %v, want AlreadyExists", err)
	}
	second, err := put("c", adapters.PutOptions{IfMatch: first.ETag})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := put("d", adapters.PutOptions{IfMatch: first.ETag}); !errs.Is(err, errs.FailedPrecondition) {
		t.Errorf("stale IfMatch: %v, want FailedPrecondition", err)
	}
	upload := func(o adapters.PutOptions) (adapters.Info, string, []adapters.Part, error) {
		id, err := s.CreateUpload(t.Context(), "k", o)
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.PutPart(t.Context(), "k", id, 1, strings.NewReader("part"), 4, adapters.Sums{})
		if err != nil {
			t.Fatal(err)
		}
		info, err := s.CompleteUpload(t.Context(), "k", id, []adapters.Part{p}, o)
		return info, id, []adapters.Part{p}, err
	}
	if _, _, _, err := upload(adapters.PutOptions{IfNoneMatch: true}); !errs.Is(err, errs.AlreadyExists) {
		t.Errorf("upload with IfNoneMatch over an object: %v, want AlreadyExists", err)
	}
	if err := s.Delete(t.Context(), "k", first.ETag); !errs.Is(err, errs.FailedPrecondition) {
		t.Errorf("Delete with a stale IfMatch: %v, want FailedPrecondition", err)
	}
	if err := s.Delete(t.Context(), "k", second.ETag); err != nil {
		t.Errorf("Delete: %v", err)
	}
	info, id, parts, err := upload(adapters.PutOptions{IfNoneMatch: true})
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.CompleteUpload(t.Context(), "k", id, parts, adapters.PutOptions{IfNoneMatch: true})
	if err != nil || again.ETag != info.ETag || again.Proof != info.Proof {
		t.Errorf("complete again under IfNoneMatch: %+v, %v, want %+v", again, err, info)
	}
	if _, err := put("other", adapters.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CompleteUpload(t.Context(), "k", id, parts, adapters.PutOptions{}); err == nil {
		t.Error("complete again over another object succeeded")
	}
}
