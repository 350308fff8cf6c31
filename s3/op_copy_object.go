package s3

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/opensds/gelato/internal/checksum"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/catalog"
)

// copySource is the object that a copy reads, found and checked.
type copySource struct {
	bucket  catalog.Bucket
	key     string
	version string // as the request names it
	object  catalog.Object
	seal    *sealing // nil when it is not encrypted
}

// setVersion names the version that a copy reads.
func (c copySource) setVersion(h http.Header) {
	if c.bucket.Versioning != "" || c.object.VersionID != "" {
		h["X-Amz-Copy-Source-Version-Id"] = []string{shownVersion(c.object)}
	}
}

// source finds the source of a copy and judges the conditions on it.
func (s *Service) source(r *request) (src copySource, err error) {
	bucket, key, version, err := parseCopySource(r.Header.Get("X-Amz-Copy-Source"))
	src.key = key
	if err != nil {
		return src, err
	}
	if src.bucket, err = s.catalog.Bucket(r.Context(), bucket); err != nil {
		return src, err
	}
	if err := expectedOwner(src.bucket, r.Header.Get("X-Amz-Source-Expected-Bucket-Owner")); err != nil {
		return src, err
	}
	if err := s.pays(http.Header{}, r, src.bucket); err != nil {
		return src, err
	}
	a := access{action: "s3:GetObject", bucket: src.bucket, key: key, versionID: version}
	if version != "" {
		a.action = "s3:GetObjectVersion"
	}
	if err := s.authorize(r, a); err != nil {
		return src, err
	}
	src.version = version
	if src.object, err = s.head(r.Context(), r, src.bucket, key, version); err != nil {
		return src, s.absent(r, a, err)
	}
	if src.seal, err = s.decryptionOf(r, sourceKey(), src.object); err != nil {
		return src, err
	}
	return src, copyConditions(r.Header, src.object)
}

// parseCopySource reads "[/]bucket/key[?versionId=ID]", percent-encoded. A plus is a blank, as S3 has it: s5cmd writes it so, and the
// SDKs write %2B for a plus.
func parseCopySource(header string) (bucket, key, version string, err error) {
	path, query, _ := strings.Cut(header, "?")
	if query != "" {
		q, err := parseQuery(query)
		if err == nil {
			version, err = versionOf(q)
		}
		if err != nil {
			return "", "", "", err
		}
	}
	path, unescapeErr := url.QueryUnescape(path)
	bucket, key, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if unescapeErr != nil || bucket == "" || key == "" {
		return "", "", "", fail("InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
	}
	return bucket, key, version, checkKey(key)
}

func (s *Service) copyObject(w http.ResponseWriter, r *request) error {
	if r.query.Has("partNumber") || r.query.Has("versionId") {
		return fail("InvalidArgument", "This operation does not accept the query parameters partNumber and versionId without uploadId")
	}
	b, o, cond, err := s.described(r)
	if err != nil {
		return err
	}
	src, err := s.source(r)
	s.logPart(r, copiedObject, src.bucket, src.key, src.version, err)
	if err != nil {
		return err
	}
	o, want, err := copied(r, b, o, src)
	if err != nil {
		return err
	}
	if err := s.copyTags(r, &o, src); err != nil {
		return err
	}
	if o.StorageClass, err = s.fits(r, b, o.Size); err != nil {
		return err
	}
	if err := s.already(r, b, cond); err != nil {
		return err
	}
	seal, err := s.encryptionOf(r, r.Header)
	if err != nil {
		return err
	}
	seal.showContext(w.Header())
	src.setVersion(w.Header())
	return s.long(w, r, func() (func(*document), error) {
		done, err := s.copyBytes(r.Context(), b, o, src, want, seal, cond)
		return func(x *document) {
			setMade(w.Header(), done)
			s.setExpiration(w.Header(), r, done)
			x.top("CopyObjectResult")
			x.time("LastModified", done.Modified)
			x.etag(done.ETag)
			x.objectSums(done)
			x.close("CopyObjectResult")
		}, err
	})
}

// copied says what the new object is: described by the source's head, or with REPLACE by the request's headers.
func copied(r *request, b catalog.Bucket, o catalog.Object, src copySource) (catalog.Object, checksum.Algorithm, error) {
	switch r.Header.Get("X-Amz-Metadata-Directive") {
	case "", "COPY":
		if src.bucket.ID == b.ID && src.object.Key == o.Key && src.object.Latest && o.Redirect == "" && r.Header.Get("X-Amz-Storage-Class") == "" && !asksEncryption(r.Header) {
			return o, "", fail("InvalidRequest", "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
		}
		o.Headers, o.Metadata = src.object.Headers, src.object.Metadata
	case "REPLACE":
	default:
		return o, "", fail("InvalidArgument", "Unknown metadata directive.")
	}
	if src.object.Size > maxObject {
		return o, "", fail("InvalidRequest", "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120")
	}
	o.Size = src.object.Size
	want, err := wantedAlgorithm(r.Header)
	if want == "" && err == nil { // the copy has the kind of checksum that its source has
		for name := range src.object.Checksums {
			want = checksum.Algorithm(name)
		}
	}
	return o, want, err
}

func wantedAlgorithm(h http.Header) (checksum.Algorithm, error) {
	a := checksum.Algorithm(strings.ToUpper(h.Get("X-Amz-Checksum-Algorithm")))
	if a != "" && !a.Valid() {
		return "", fail("InvalidRequest", "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
	}
	return a, nil
}

func (s *Service) copyBytes(ctx context.Context, b catalog.Bucket, o catalog.Object, src copySource, want checksum.Algorithm, seal *sealing, cond catalog.Condition) (catalog.Object, error) {
	if store, ok := s.inStore(ctx, b, src.object, want); ok && seal == nil {
		made, done, err := s.copyInStore(ctx, store, b, o, src.object, want, cond)
		if done {
			return made, err
		}
	}
	body, err := s.openSource(ctx, src, byteRange{0, src.object.Size}, wants{md5: true, algorithm: want})
	if err != nil {
		return o, err
	}
	defer body.Close()
	body.sealing = seal
	return s.store(ctx, b, o, body.payload, cond)
}

// sourceBody is the bytes of a copy's source, hashed and verified as they pass.
type sourceBody struct {
	*payload
	reader objectBody // nil when there is nothing to read
}

func (b sourceBody) Close() {
	if b.reader != nil {
		b.reader.Close()
	}
}

func (s *Service) openSource(ctx context.Context, src copySource, run byteRange, want wants) (sourceBody, error) {
	var known *uint64
	if run.length == src.object.Size && src.seal == nil { // what is decrypted is verified by that
		known = src.object.CRC64
	}
	if run.length == 0 {
		return sourceBody{payload: sourcePayload(http.NoBody, 0, want, known)}, nil
	}
	reader, err := s.openObject(ctx, src.bucket, src.object, src.seal, run)
	if errs.Is(err, errs.NotFound) { // it moved since its head was read
		now, again := s.catalog.Get(ctx, src.bucket, src.object.Key, shownVersion(src.object))
		if again != nil {
			return sourceBody{}, again
		}
		if !sameVersion(src.object, now) {
			return sourceBody{}, fail("PreconditionFailed", "The source of the copy changed meanwhile")
		}
		reader, err = s.openObject(ctx, src.bucket, now, src.seal, run)
	}
	if err != nil {
		return sourceBody{}, storeFailed(err)
	}
	return sourceBody{sourcePayload(reader, run.length, want, known), reader}, nil
}
