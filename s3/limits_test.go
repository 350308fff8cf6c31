package s3

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/adaptertest"
	"github.com/opensds/gelato/adapters/posix"
)

const mib = 1 << 20

// limited is a gateway whose backend "b", with the bucket "tight" on it, can do what posix can after change.
func limited(t *testing.T, change func(*adapters.Capabilities)) (*gateway, *adaptertest.Limited, *awss3.Client) {
	t.Helper()
	can := posix.Descriptor().Capabilities
	change(&can)
	store := &adaptertest.Limited{Can: can}
	g := newGatewayOn(t, Options{}, store)
	g.bucket("tight", "b")
	g.bucket("roomy", "a")
	return g, store, g.root()
}

// wantWhole checks an object that a PUT of body made, whatever way it went to the store.
func wantWhole(t *testing.T, c *awss3.Client, key string, body []byte) {
	t.Helper()
	got, head := get(t, c, "tight", key)
	sum := md5.Sum(body)
	if !bytes.Equal(got, body) || *head.ETag != quoted(hex.EncodeToString(sum[:])) || head.PartsCount != nil {
		t.Errorf("%s: got %d bytes (want %d), ETag %s", key, len(got), len(body), *head.ETag)
	}
}

// wantNothingNative checks that a store holds nothing but keep objects, and no upload.
func (g *gateway) wantNative(store adapters.Store, keep int) {
	g.t.Helper()
	if left := g.blobs("b"); len(left) != keep {
		g.t.Errorf("the store holds %q, want %d objects", left, keep)
	}
	if !store.Capabilities().Multipart {
		return
	}
	if uploads, err := store.ListUploads(g.t.Context(), "", 10); err != nil || len(uploads) != 0 {
		g.t.Errorf("the store has the uploads %v, %v, want none", uploads, err)
	}
}

// smallPuts takes an object of 1 MiB at once, and larger ones in up to 8 parts of up to 1 MiB.
func smallPuts(c *adapters.Capabilities) {
	c.MaxPutSize, c.MaxPartSize, c.MinPartSize, c.MaxParts, c.MaxObjectSize = mib, mib, 256<<10, 8, 8*mib
}

func TestPutsInNativeParts(t *testing.T) {
	t.Parallel()
	g, store, c := limited(t, smallPuts)
	for _, size := range []int{0, 10, mib, mib + 1, 5*mib + 3, 8 * mib} {
		key := fmt.Sprint("k", size)
		put(t, c, "tight", key, data(7, size))
		wantWhole(t, c, key, data(7, size))
	}
	put(t, c, "roomy", "src", data(8, 3*mib))
	if _, err := c.CopyObject(t.Context(), &awss3.CopyObjectInput{Bucket: aws.String("tight"), Key: aws.String("copy"), CopySource: aws.String("roomy/src")}); err != nil {
		t.Fatal(err)
	}
	wantWhole(t, c, "copy", data(8, 3*mib))
	g.wantNative(store, 7)

	put(t, c, "roomy", "big", data(9, 8*mib+1))
	_, err := c.CopyObject(t.Context(), &awss3.CopyObjectInput{Bucket: aws.String("tight"), Key: aws.String("big"), CopySource: aws.String("roomy/big")})
	wantCode(t, err, "EntityTooLarge")
	before := store.Moved.Load()
	for name, k := range map[string]struct {
		c    call
		want string
	}{
		"too large":   {call{length: 8*mib + 1}, "400 EntityTooLarge"},
		"wrong MD5":   {call{body: data(1, 3*mib), hash: "UNSIGNED-PAYLOAD", header: map[string]string{"Content-Md5": base64.StdEncoding.EncodeToString(make([]byte, 16))}}, "400 BadDigest"},
		"wrong sum":   {call{body: data(1, 3*mib), header: map[string]string{"X-Amz-Checksum-Crc32": "AAAAAA=="}}, "400 BadDigest"},
		"truncated":   {call{body: data(1, 2*mib), length: 3 * mib, hash: "UNSIGNED-PAYLOAD"}, "400 IncompleteBody"},
		"wrong class": {call{body: data(1, 3*mib), header: map[string]string{"X-Amz-Storage-Class": "MARBLE"}}, "400 InvalidStorageClass"},
	} {
		k.c.method, k.c.path = "PUT", "/tight/bad"
		if a := g.send(k.c); a.String() != k.want {
			t.Errorf("%s: got %v %s, want %s", name, a, a.message, k.want)
		}
		if moved := store.Moved.Load() - before; (name == "too large" || name == "wrong class") && moved > 9*mib {
			t.Errorf("%s: %d bytes went to the store", name, moved)
		}
	}
	g.wantNative(store, 7)
}

// TestMultipartLimits sends multipart uploads to stores of different limits: what fits lands natively, what does not is refused in S3's words.
func TestMultipartLimits(t *testing.T) {
	t.Parallel()
	type caps = adapters.Capabilities
	type part struct {
		n    int32
		size int
	}
	for name, k := range map[string]struct {
		change   func(*caps)
		parts    []part
		create   string // the error of CreateMultipartUpload
		part     string // of the last part
		complete string
	}{
		"as it is":         {change: func(*caps) {}, parts: []part{{1, 5 * mib}, {10_000, 1}}},
		"no multipart":     {change: func(c *caps) { c.Multipart = false }, create: "NotImplemented"},
		"three parts":      {change: func(c *caps) { c.MaxParts = 3 }, parts: []part{{1, 5 * mib}, {2, 5 * mib}, {3, 7}}},
		"a fourth":         {change: func(c *caps) { c.MaxParts = 3 }, parts: []part{{1, 5 * mib}, {4, 7}}, part: "InvalidArgument"},
		"large parts":      {change: func(c *caps) { c.MaxPartSize = 6 * mib }, parts: []part{{1, 6 * mib}, {2, 7}}},
		"too large a part": {change: func(c *caps) { c.MaxPartSize = 6 * mib }, parts: []part{{1, 6*mib + 1}}, part: "EntityTooLarge"},
		"at least 6 MiB":   {change: func(c *caps) { c.MinPartSize = 6 * mib }, parts: []part{{1, 6 * mib}, {2, 7}}},
		"too small a part": {change: func(c *caps) { c.MinPartSize = 6 * mib }, parts: []part{{1, 5 * mib}, {2, 7}}, complete: "EntityTooSmall"},
		"S3's own minimum": {change: func(c *caps) { c.MinPartSize = 1 }, parts: []part{{1, 5*mib - 1}, {2, 7}}, complete: "EntityTooSmall"},
		"large enough":     {change: func(c *caps) { c.MaxObjectSize = 6 * mib }, parts: []part{{1, 5 * mib}, {2, mib}}},
		"too large":        {change: func(c *caps) { c.MaxObjectSize = 6 * mib }, parts: []part{{1, 5 * mib}, {2, mib + 1}}, complete: "EntityTooLarge"},
		"small puts":       {change: func(c *caps) { c.MaxPutSize = mib }, parts: []part{{1, 5 * mib}, {2, 3 * mib}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, store, c := limited(t, k.change)
			if k.create != "" {
				_, err := c.CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{Bucket: aws.String("tight"), Key: aws.String("k")})
				wantCode(t, err, k.create)
				return
			}
			u := begin(t, c, "tight", "k", "", "")
			var whole []byte
			for i, p := range k.parts {
				body := data(uint64(p.n), p.size)
				if i == len(k.parts)-1 && k.part != "" {
					_, err := c.UploadPart(t.Context(), &awss3.UploadPartInput{Bucket: &u.bucket, Key: &u.key, UploadId: u.id, PartNumber: &p.n, Body: bytes.NewReader(body)})
					wantCode(t, err, k.part)
					return
				}
				u.part(p.n, body, "")
				whole = append(whole, body...)
			}
			_, err := u.complete("")
			if k.complete != "" {
				wantCode(t, err, k.complete)
				g.wantStillOpen(u)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := get(t, c, "tight", "k"); !bytes.Equal(got, whole) {
				t.Errorf("got %d other bytes", len(got))
			}
			g.wantNative(store, 1)
		})
	}
}

// wantStillOpen checks that a completion which was refused for its parts left the upload to go on with.
func (g *gateway) wantStillOpen(u *upload) {
	g.t.Helper()
	body := data(3, 100)
	u.parts, u.sums = nil, nil
	u.part(1, body, "")
	if _, err := u.complete(""); err != nil {
		g.t.Errorf("complete with another part: %v", err)
	}
	if got, _ := get(g.t, u.c, u.bucket, u.key); !bytes.Equal(got, body) {
		g.t.Errorf("got %d other bytes", len(got))
	}
}

// TestPartsLeftOut completes without a part that was uploaded, where the store can do that and where it cannot.
func TestPartsLeftOut(t *testing.T) {
	t.Parallel()
	for _, needsAll := range []bool{false, true} {
		g, store, c := limited(t, func(can *adapters.Capabilities) { can.NeedsAllParts = needsAll })
		u := begin(t, c, "tight", "k", "", "")
		for n := range int32(3) {
			u.part(n+1, data(uint64(n), 5*mib), "")
		}
		all := u.parts
		u.parts = []types.CompletedPart{all[0], all[2]}
		_, err := u.complete("")
		want := bytes.Join([][]byte{data(0, 5*mib), data(2, 5*mib)}, nil)
		if needsAll {
			wantCode(t, err, "NotImplemented")
			u.parts, want = all, bytes.Join([][]byte{data(0, 5*mib), data(1, 5*mib), data(2, 5*mib)}, nil)
			_, err = u.complete("")
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := get(t, c, "tight", "k"); !bytes.Equal(got, want) {
			t.Errorf("got %d bytes, want %d", len(got), len(want))
		}
		g.wantNative(store, 1)
	}
}

func TestPartCopyLimits(t *testing.T) {
	t.Parallel()
	_, _, c := limited(t, func(can *adapters.Capabilities) { can.MaxPartSize, can.MaxParts = 6*mib, 3 })
	put(t, c, "roomy", "src", data(1, 7*mib))
	u := begin(t, c, "tight", "k", "", "")
	from := func(n int32, run string) error {
		in := &awss3.UploadPartCopyInput{Bucket: &u.bucket, Key: &u.key, UploadId: u.id, PartNumber: &n, CopySource: aws.String("roomy/src")}
		if run != "" {
			in.CopySourceRange = &run
		}
		_, err := c.UploadPartCopy(t.Context(), in)
		return err
	}
	wantCode(t, from(1, ""), "EntityTooLarge")
	wantCode(t, from(4, "bytes=0-5"), "InvalidArgument")
	if err := from(3, "bytes=0-6291455"); err != nil {
		t.Error(err)
	}
}

// TestBareStore has a store without conditions, checksums or long keys: S3's own rest on the catalog.
func TestBareStore(t *testing.T) {
	t.Parallel()
	g, store, c := limited(t, func(can *adapters.Capabilities) {
		*can = adapters.Capabilities{MaxObjectSize: mib, MaxPutSize: mib, MaxKeyBytes: 200}
	})
	long := strings.Repeat("k/", 500) + "long"
	for _, key := range []string{"short", long} {
		in := &awss3.PutObjectInput{Bucket: aws.String("tight"), Key: &key, Body: bytes.NewReader(data(1, mib)), IfNoneMatch: aws.String("*")}
		if _, err := c.PutObject(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		in.Body = bytes.NewReader(nil)
		_, err := c.PutObject(t.Context(), in)
		wantCode(t, err, "PreconditionFailed")
		wantWhole(t, c, key, data(1, mib))
	}
	_, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("tight"), Key: aws.String("big"), Body: bytes.NewReader(data(1, mib+1))})
	wantCode(t, err, "EntityTooLarge")
	list, err := c.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: aws.String("tight")})
	if err != nil || len(list.Contents) != 2 || *list.Contents[0].Key != long {
		t.Errorf("list: %v, %v", list, err)
	}
	g.wantNative(store, 2)
}

// TestStorageClasses puts objects into a store of two classes, S3's GLACIER_IR and one of its own.
func TestStorageClasses(t *testing.T) {
	t.Parallel()
	g, _, c := limited(t, func(can *adapters.Capabilities) { can.StorageClasses = []string{"Hot", "Cool", "GLACIER_IR"} })
	for class, want := range map[types.StorageClass]types.StorageClass{
		"": "STANDARD", "STANDARD": "STANDARD", "Cool": "Cool", "GLACIER_IR": "GLACIER_IR", "STANDARD_IA": "STANDARD_IA", "INTELLIGENT_TIERING": "INTELLIGENT_TIERING",
	} {
		key, mp := "put "+string(class), "upload "+string(class)
		if _, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("tight"), Key: &key, StorageClass: class}); err != nil {
			t.Errorf("put as %q: %v", class, err)
			continue
		}
		out, err := c.CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{Bucket: aws.String("tight"), Key: &mp, StorageClass: class})
		if err != nil {
			t.Errorf("upload as %q: %v", class, err)
			continue
		}
		u := &upload{t: t, c: c, bucket: "tight", key: mp, id: out.UploadId}
		u.part(1, []byte("part"), "")
		if _, err := u.complete(""); err != nil {
			t.Errorf("complete as %q: %v", class, err)
		}
		for _, k := range []string{key, mp} {
			list, err := c.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: aws.String("tight"), Prefix: &k, MaxKeys: aws.Int32(1)})
			if err != nil || list.Contents[0].StorageClass != types.ObjectStorageClass(want) {
				t.Errorf("%s is listed as %v, %v, want %s", k, list.Contents, err, want)
			}
			head, err := c.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: aws.String("tight"), Key: &k})
			if err != nil || head.StorageClass != want && !(want == "STANDARD" && head.StorageClass == "") {
				t.Errorf("%s has the class %q, %v, want %s", k, head.StorageClass, err, want)
			}
		}
	}
	before := g.state()
	for _, class := range []types.StorageClass{"GLACIER", "DEEP_ARCHIVE", "cool", "MARBLE"} {
		_, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("tight"), Key: aws.String("k"), StorageClass: class})
		wantCode(t, err, "InvalidStorageClass")
		_, err = c.CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{Bucket: aws.String("tight"), Key: aws.String("k"), StorageClass: class})
		wantCode(t, err, "InvalidStorageClass")
	}
	if after := g.state(); after != before {
		t.Errorf("a refusal changed something:\n%s\nwas\n%s", after, before)
	}
}
