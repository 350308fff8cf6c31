package s3shape

import (
	"errors"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

func TestWholeOf(t *testing.T) {
	t.Parallel()
	// MD5 of "a" and "b", and of the two together as S3 forms it.
	a := adapters.Part{N: 1, Size: 1, ETag: "0cc175b9c0f1b6a831c399e269772661", Verified: true}
	b := adapters.Part{N: 7, Size: 1, ETag: "92eb5ffee6ae2fec3ad71c777531578f", Verified: true}
	w, err := WholeOf([]adapters.Part{a, b}, nil)
	if err != nil || w.Size != 2 || !w.Verified || w.ETag != "96e024ba2074fe77e8e965ba43a704be-2" {
		t.Errorf("WholeOf = %+v, %v", w, err)
	}
	for name, parts := range map[string][]adapters.Part{"none": nil, "descending": {b, a}, "twice": {a, a}, "too many": make([]adapters.Part, MaxParts+1)} {
		if _, err := WholeOf(parts, nil); !errs.Is(err, errs.InvalidArgument) {
			t.Errorf("WholeOf of %s: %v", name, err)
		}
	}
	if w, err := WholeOf([]adapters.Part{{N: 1, ETag: "no-md5"}}, nil); err != nil || w.ETag != "" || w.Verified {
		t.Errorf("WholeOf a part that is not verified = %+v, %v", w, err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	away := errs.Newf(errs.Unavailable, "away")
	answers := func(reason string) error { return errs.Newf(errs.Unavailable, "said").Because(reason) }
	for _, c := range []struct {
		name            string
		err             error
		open            bool
		openErr         error
		refused, failed bool
		code            errs.Code
	}{
		{name: "done"},
		{name: "gone", err: answers("NoSuchUpload"), refused: true, code: errs.Unavailable},
		{name: "no sense", err: answers("MalformedAnswer"), refused: true, code: errs.Unavailable},
		{name: "condition, still open", err: answers("PreconditionFailed"), open: true, failed: true, code: errs.FailedPrecondition},
		{name: "condition, gone", err: answers("PreconditionFailed"), refused: true, code: errs.FailedPrecondition},
		{name: "Ceph's error, still open", err: answers("InternalError"), open: true, failed: true, code: errs.Unavailable},
		{name: "Ceph's error, gone", err: answers("InternalError"), refused: true, code: errs.NotFound},
		{name: "Ceph's error, not known", err: answers("InternalError"), openErr: away, failed: true, code: errs.Unavailable},
		{name: "away", err: away, failed: true, code: errs.Unavailable},
	} {
		refused, failed := Refused(c.err, false, func() (bool, error) { return c.open, c.openErr })
		if (refused != nil) != c.refused || (failed != nil) != c.failed {
			t.Errorf("%s: refused %v, failed %v", c.name, refused, failed)
		}
		if err := errors.Join(refused, failed); err != nil && !errs.Is(err, c.code) {
			t.Errorf("%s: %v, want %v", c.name, err, c.code)
		}
	}
}

func TestCheckSource(t *testing.T) {
	t.Parallel()
	one, two := uint64(1), uint64(2)
	src := adapters.Info{Size: 10, ETag: "e", CRC64: &one}
	for _, c := range []struct {
		ifMatch string
		most    int64
		crc     *uint64
		want    errs.Code
	}{
		{"", 10, nil, errs.Unknown}, {"e", 10, &one, errs.Unknown}, {"f", 10, nil, errs.FailedPrecondition}, {"", 9, nil, errs.InvalidArgument}, {"", 10, &two, errs.DataLoss},
	} {
		if err := CheckSource(src, c.ifMatch, c.most, c.crc); errs.CodeOf(err) != c.want {
			t.Errorf("%+v: %v, want %v", c, err, c.want)
		}
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		etag string
		gone bool
		want errs.Code
	}{
		{nil, "e", false, errs.Unknown}, {nil, "f", false, errs.FailedPrecondition}, {errs.Newf(errs.NotFound, "none"), "e", true, errs.Unknown}, {errs.Newf(errs.Unavailable, "away"), "e", false, errs.Unavailable},
	} {
		if gone, err := Matches(adapters.Info{ETag: "e"}, c.err, c.etag); gone != c.gone || errs.CodeOf(err) != c.want {
			t.Errorf("%+v: %v, %v", c, gone, err)
		}
	}
}

func TestListing(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{0, 1001} {
		if _, err := NewListing("", "", "", limit); !errs.Is(err, errs.InvalidArgument) {
			t.Errorf("a limit of %d: %v", limit, err)
		}
	}
	l, err := NewListing("base/", "p", "p1", 2)
	if err != nil || l.Prefix() != "base/p" || l.After() != "base/p1" || l.Ask() != 3 {
		t.Fatalf("NewListing: prefix %q, after %q, ask %d, %v", l.Prefix(), l.After(), l.Ask(), err)
	}
	if err := l.Add("base/p1", adapters.Info{}); err != nil {
		t.Fatal(err)
	}
	if _, ok := l.Page(true); ok {
		t.Error("a page of nothing, with more to come, is taken for one")
	}
	for _, name := range []string{"base/p2", "base/p3", "base/p4"} {
		if err := l.Add(name, adapters.Info{}); err != nil {
			t.Fatal(err)
		}
	}
	if page, ok := l.Page(false); !ok || !page.More || len(page.Objects) != 2 || page.Objects[1].Key != "p3" {
		t.Errorf("Page = %+v, %v", page, ok)
	}
	for name, code := range map[string]errs.Code{"base/q": errs.Internal, "other/p5": errs.Internal, "base/p3": errs.FailedPrecondition} {
		if err := l.Add(name, adapters.Info{}); !errs.Is(err, code) {
			t.Errorf("Add %q: %v, want %v", name, err, code)
		}
	}
}
