package s3

import (
	"net/http"
	"strings"

	"github.com/opensds/gelato/internal/checksum"
	"github.com/opensds/gelato/s3/catalog"
)

func (s *Service) createMultipartUpload(w http.ResponseWriter, r *request) error {
	b, o, _, err := s.described(r)
	if err != nil {
		return err
	}
	if err := s.tag(r, &o); err != nil {
		return err
	}
	algorithm, kind, err := uploadChecksum(r.Header)
	if err != nil {
		return err
	}
	store, err := s.places.Store(r.Context(), b.BackendID)
	if err != nil {
		return storeFailed(err)
	}
	c := store.Capabilities()
	if !c.Multipart {
		return notImplemented("multipart uploads on this bucket's backend")
	}
	class, err := storageClass(r.Header, c)
	if err != nil {
		return err
	}
	seal, err := s.encryptionOf(r, r.Header)
	if err != nil {
		return err
	}
	o.Encryption = seal.encoded()
	u, err := s.catalog.CreateUpload(r.Context(), catalog.Upload{
		Bucket: b, Key: r.key, Initiator: r.auth.User, Attributes: o.Attributes, Headers: o.Headers, Metadata: o.Metadata, StorageClass: class,
		ChecksumAlgorithm: string(algorithm), ChecksumType: kind, Described: describedBy(r.Header),
	})
	if err != nil {
		return err
	}
	h := w.Header()
	s.setAbortDate(h, r, u.Initiated)
	seal.showContext(h)
	if algorithm != "" {
		h["X-Amz-Checksum-Algorithm"] = []string{string(algorithm)}
		h["X-Amz-Checksum-Type"] = []string{kind}
	}
	x := s.page()
	defer s.release(x)
	x.root("InitiateMultipartUploadResult")
	x.text("Bucket", b.Name)
	x.text("Key", r.key)
	x.text("UploadId", u.ID)
	x.close("InitiateMultipartUploadResult")
	return x.send(w, http.StatusOK)
}

// uploadChecksum reads algorithm and type. CRC64NVME is always of the full object, SHA-1 and SHA-256 never are, the CRC32s are composite unless asked otherwise.
func uploadChecksum(h http.Header) (checksum.Algorithm, string, error) {
	a, err := wantedAlgorithm(h)
	if err != nil {
		return "", "", err
	}
	kind := strings.ToUpper(h.Get("X-Amz-Checksum-Type"))
	switch {
	case kind != "" && kind != composite && kind != fullObject:
		return "", "", fail("InvalidRequest", "Value for x-amz-checksum-type header is invalid.")
	case a == "" && kind != "":
		return "", "", fail("InvalidRequest", "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
	case a == "":
		return "", "", nil
	case a == checksum.CRC64NVME && kind == composite, !a.Linear() && kind == fullObject:
		return "", "", fail("InvalidRequest", "The %s checksum type cannot be used with the %s checksum algorithm.", kind, strings.ToLower(string(a)))
	case kind != "":
		return a, kind, nil
	case a == checksum.CRC64NVME:
		return a, fullObject, nil
	}
	return a, composite, nil
}
