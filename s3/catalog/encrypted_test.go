package catalog

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/minio/crc64nvme"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/checksum"
	"github.com/opensds/gelato/internal/errs"
)

// TestEncryptedUpload has parts whose blobs are larger than what S3 shows of them, completes and relocates: sizes and checksums of the two stay apart.
func TestEncryptedUpload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		w := newWorld(t, Options{})
		b := w.bucket("b")
		u, err := w.CreateUpload(ctx, Upload{Bucket: b, Key: "k", Attributes: Attributes{Encryption: []byte("envelope")}})
		if err != nil {
			t.Fatal(err)
		}
		var list []CompletedPart
		for n, text := range []string{"hello ", "world"} {
			native, err := w.store(u.Location.BackendID).PutPart(ctx, u.Location.NativeKey, u.NativeID, n+1, strings.NewReader("<"+text+">"), -1, adapters.Sums{})
			if err != nil {
				t.Fatal(err)
			}
			p := UploadPart{Native: native, ObjectPart: ObjectPart{N: n + 1, Size: int64(len(text)), CipherSize: native.Size, Salt: []byte{byte(n), 7}, CRC64: native.CRC64, ETag: fmt.Sprintf("%032d", n),
				Checksums: map[string][]byte{"CRC64NVME": checksum.Bytes64(crc64nvme.Checksum([]byte(text)))}}}
			if err := w.PutPart(ctx, u, p); err != nil {
				t.Fatal(err)
			}
			list = append(list, CompletedPart{N: n + 1, ETag: p.ETag})
		}
		sum := checksum.Bytes64(crc64nvme.Checksum([]byte("hello world")))
		if _, err := w.CompleteUpload(ctx, b, "k", u.ID, list, map[string][]byte{"CRC64NVME": make([]byte, 8)}, Condition{}); errs.ReasonOf(err) != "BadDigest" {
			t.Errorf("another checksum of the plaintext: %v", err)
		}
		if _, err := w.CompleteUpload(ctx, b, "k", u.ID, list, map[string][]byte{"CRC64NVME": sum}, Condition{}); err != nil {
			t.Fatal(err)
		}
		check := func(backend string) Object {
			t.Helper()
			o, err := w.Get(ctx, b, "k", "")
			if err != nil || o.Size != 11 || o.CipherSize != 15 || o.BlobSize() != 15 || string(o.Encryption) != "envelope" || o.Location.BackendID != backend || !bytes.Equal(o.Checksums["CRC64NVME"], sum) ||
				o.ChecksumType != "FULL_OBJECT" || *o.CRC64 != crc64nvme.Checksum([]byte("<hello ><world>")) {
				t.Errorf("got %+v, %v", o, err)
			}
			parts, err := w.Parts(ctx, o, 0, 10)
			if err != nil || len(parts) != 2 || parts[1].Size != 5 || parts[1].BlobSize() != 7 || !bytes.Equal(parts[1].Salt, []byte{1, 7}) {
				t.Errorf("parts %+v, %v", parts, err)
			}
			return o
		}
		o := check("a")
		g := w.BeginMany(ctx, []Intent{{Bucket: b, Key: "k", BackendID: "b", Size: o.BlobSize()}})[0]
		if _, err := w.b.Put(ctx, g.Location.NativeKey, strings.NewReader("<hello ><world>"), -1, adapters.PutOptions{}); g.Err != nil || err != nil {
			t.Fatal(g.Err, err)
		}
		if r := w.CommitMany(ctx, []CommitItem{{WriteID: g.WriteID, Location: g.Location, Relocate: &Relocate{From: o.Location, CRC64: *o.CRC64}}})[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
		check("b")
		w.quiesce()
		if usage, _ := w.usage(b); len(usage) != 1 || usage[0] != (Usage{"b", 1, 11}) {
			t.Errorf("usage %v: it counts what S3 shows", usage)
		}
		w.wantClean(1)
	})
}
