package s3

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// copying has a store as backend "b" that copies up to 6 MiB by itself.
func copying(c *adapters.Capabilities) { c.ServerCopy, c.MaxCopySize = true, 6*mib }

// TestCopyObjectInStore copies within one backend: no byte travels where the answer can be given without, and the copy is as any other.
func TestCopyObjectInStore(t *testing.T) {
	t.Parallel()
	g, store, c := limited(t, func(can *adapters.Capabilities) {
		copying(can)
		can.StorageClasses = []string{"STANDARD", "STANDARD_IA"}
	})
	g.bucket("beside", "b")
	upload := begin(t, c, "tight", "parts", "", "")
	upload.part(1, data(1, 100), "")
	if _, err := upload.complete(""); err != nil {
		t.Fatal(err)
	}
	for _, a := range []types.ChecksumAlgorithm{"CRC32", "SHA1", "CRC64NVME"} {
		key := "sum " + string(a)
		if _, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("tight"), Key: &key, Body: bytes.NewReader(data(2, mib)), ChecksumAlgorithm: a,
			ContentType: aws.String("a/b"), Metadata: map[string]string{"m": "é"}}); err != nil {
			t.Fatal(err)
		}
	}
	put(t, c, "tight", "empty", nil)
	put(t, c, "tight", "big", data(3, 6*mib+1))
	put(t, c, "roomy", "elsewhere", data(4, 1000))
	for _, k := range []struct {
		from    string
		in      awss3.CopyObjectInput
		inStore bool
	}{
		{"tight/sum CRC32", awss3.CopyObjectInput{}, true},
		{"tight/sum SHA1", awss3.CopyObjectInput{}, true},
		{"tight/sum CRC64NVME", awss3.CopyObjectInput{}, true},
		{"tight/sum SHA1", awss3.CopyObjectInput{ChecksumAlgorithm: "SHA1"}, true},
		{"tight/sum SHA1", awss3.CopyObjectInput{ChecksumAlgorithm: "CRC64NVME"}, true},
		{"tight/sum SHA1", awss3.CopyObjectInput{ChecksumAlgorithm: "SHA256"}, false}, // which the source does not have
		{"tight/sum SHA1", awss3.CopyObjectInput{MetadataDirective: "REPLACE", ContentType: aws.String("c/d"), Metadata: map[string]string{"n": "2"}, StorageClass: "STANDARD_IA"}, true},
		{"tight/parts", awss3.CopyObjectInput{}, false}, // its copy has the MD5 of the whole
		{"tight/big", awss3.CopyObjectInput{}, false},
		{"tight/empty", awss3.CopyObjectInput{}, false},
		{"roomy/elsewhere", awss3.CopyObjectInput{}, false},
	} {
		copies, moved := store.Copies.Load(), store.Moved.Load()
		in := k.in
		in.Bucket, in.Key, in.CopySource = aws.String("beside"), aws.String("copy"), aws.String(strings.ReplaceAll(k.from, " ", "%20"))
		out, err := c.CopyObject(t.Context(), &in)
		name := fmt.Sprintf("%s %v %v", k.from, in.ChecksumAlgorithm, in.MetadataDirective)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if copied := store.Copies.Load() > copies; copied != k.inStore || copied && store.Moved.Load() != moved {
			t.Errorf("%s: copied in the store: %v, want %v; %d bytes travelled", name, copied, k.inStore, store.Moved.Load()-moved)
		}
		bucket, key, _ := strings.Cut(k.from, "/")
		want, source := get(t, c, bucket, key)
		got, head := get(t, c, "beside", "copy")
		if !bytes.Equal(got, want) || *head.ETag != *out.CopyObjectResult.ETag || in.MetadataDirective == "" && (*head.ContentType != *source.ContentType || head.Metadata["m"] != source.Metadata["m"]) {
			t.Errorf("%s: got %d bytes of %d, %+v", name, len(got), len(want), head)
		}
		if in.MetadataDirective != "" && (*head.ContentType != "c/d" || head.Metadata["n"] != "2" || head.Metadata["m"] != "" || head.StorageClass != "STANDARD_IA") {
			t.Errorf("%s: got %+v", name, head)
		}
		sums := func(bucket, key string) string {
			h, err := c.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: &bucket, Key: &key, ChecksumMode: "ENABLED"})
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(aws.ToString(h.ChecksumCRC32), aws.ToString(h.ChecksumSHA1), aws.ToString(h.ChecksumSHA256), aws.ToString(h.ChecksumCRC64NVME), h.ChecksumType)
		}
		if bucket == "tight" && in.ChecksumAlgorithm == "" && sums("beside", "copy") != sums(bucket, key) && k.from != "tight/parts" {
			t.Errorf("%s: checksums %s, the source has %s", name, sums("beside", "copy"), sums(bucket, key))
		}
	}
	_, err := c.CopyObject(t.Context(), &awss3.CopyObjectInput{Bucket: aws.String("beside"), Key: aws.String("copy"), CopySource: aws.String("tight/empty"), IfNoneMatch: aws.String("*")})
	wantCode(t, err, "PreconditionFailed")
	self := &awss3.CopyObjectInput{Bucket: aws.String("tight"), Key: aws.String("sum SHA1"), CopySource: aws.String("tight/sum%20SHA1"), MetadataDirective: "REPLACE", Metadata: map[string]string{"now": "other"}}
	if _, err := c.CopyObject(t.Context(), self); err != nil {
		t.Fatal(err)
	}
	if got, head := get(t, c, "tight", "sum SHA1"); !bytes.Equal(got, data(2, mib)) || head.Metadata["now"] != "other" {
		t.Errorf("a copy onto itself has %d bytes, %v", len(got), head.Metadata)
	}
}

// TestCopyObjectInStoreFails has the store fail, lie, and lose the source.
func TestCopyObjectInStoreFails(t *testing.T) {
	t.Parallel()
	g, store, c := limited(t, copying)
	want := data(1, mib)
	put(t, c, "tight", "src", want)
	in := &awss3.CopyObjectInput{Bucket: aws.String("tight"), Key: aws.String("copy"), CopySource: aws.String("tight/src")}
	for _, fault := range []error{errs.Newf(errs.Unimplemented, "no"), errs.Newf(errs.Unavailable, "cut"), errs.Newf(errs.Internal, "broken"), errs.Newf(errs.NotFound, "gone"), errs.Newf(errs.FailedPrecondition, "changed")} {
		store.CopyFault = func() error { return fault }
		if _, err := c.CopyObject(t.Context(), in); err != nil {
			t.Errorf("%v: %v", fault, err)
		}
		wantWhole(t, c, "copy", want)
	}
	store.CopyFault = func() error { // replaced while it is copied: the copy has the old bytes whole, or the new
		store.CopyFault = nil
		put(t, c, "tight", "src", data(2, 1000))
		return nil
	}
	if _, err := c.CopyObject(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	wantWhole(t, c, "copy", want)

	before := g.state()
	store.CopyLies = true
	for _, sums := range []bool{true, false} {
		store.Can.StoresChecksum = sums
		_, err := c.CopyObject(t.Context(), &awss3.CopyObjectInput{Bucket: aws.String("tight"), Key: aws.String("lie"), CopySource: aws.String("tight/src")})
		wantCode(t, err, "InternalError")
	}
	if after := visible(g.state()); after != visible(before) {
		t.Errorf("a copy of other bytes changed something:\n%s\nwas\n%s", after, before)
	}

	store.CopyLies = false
	moved := store.Moved.Load()
	if _, err := c.CopyObject(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if got := store.Moved.Load() - moved; got != 1000 {
		t.Errorf("%d bytes travelled, want the 1,000 of the copy that are read back", got)
	}
}

// visible is what of a state clients see.
func visible(state string) string { return state[:strings.LastIndex(state, "\n")] }
