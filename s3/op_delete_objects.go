package s3

import (
	"encoding/xml"
	"net/http"

	"golang.org/x/sync/errgroup"

	"github.com/opensds/gelato/s3/catalog"
)

const (
	maxDeletes      = 1000
	parallelDeletes = 16
)

type deleteRequest struct {
	XMLName xml.Name       `xml:"Delete"`
	Quiet   bool           `xml:"Quiet"`
	Objects []deleteTarget `xml:"Object"`
}

type deleteTarget struct {
	Key              string  `xml:"Key"`
	VersionID        *string `xml:"VersionId"`
	ETag             string  `xml:"ETag"`
	LastModifiedTime string  `xml:"LastModifiedTime"`
	Size             string  `xml:"Size"`
}

func (s *Service) deleteObjects(w http.ResponseWriter, r *request) error {
	b := r.b
	body, p, err := s.document(r, true)
	if err != nil {
		return err
	}
	var d deleteRequest
	if err := decodeXML(body, &d); err != nil {
		return err
	}
	if len(d.Objects) == 0 || len(d.Objects) > maxDeletes {
		return malformedXML(nil)
	}
	for _, o := range d.Objects {
		if o.Key == "" {
			return malformedXML(nil)
		}
	}
	if p.wantMD5 == nil && p.claim.algorithm == "" {
		return fail("InvalidRequest", "Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
	}
	outcomes := make([]error, len(d.Objects))
	var g errgroup.Group
	g.SetLimit(parallelDeletes)
	for i, o := range d.Objects {
		g.Go(func() error {
			outcomes[i] = s.deleteOne(r, b, o)
			return nil
		})
	}
	g.Wait()
	x := s.page()
	defer s.release(x)
	x.root("DeleteResult")
	for i, o := range d.Objects {
		if outcomes[i] == nil {
			if !d.Quiet {
				x.open("Deleted")
				x.text("Key", o.Key)
				if o.VersionID != nil {
					x.text("VersionId", *o.VersionID)
				}
				x.close("Deleted")
			}
			continue
		}
		status, code, message := render(outcomes[i])
		if status >= 500 {
			s.o.Log.ErrorContext(r.Context(), "delete failed", "request", r.id, "bucket", r.bucket, "key", o.Key, "err", outcomes[i])
		}
		x.open("Error")
		x.text("Key", o.Key)
		if o.VersionID != nil {
			x.text("VersionId", *o.VersionID)
		}
		x.text("Code", code)
		x.text("Message", message)
		x.close("Error")
	}
	x.close("DeleteResult")
	return x.send(w, http.StatusOK)
}

func (s *Service) deleteOne(r *request, b catalog.Bucket, o deleteTarget) error {
	if o.LastModifiedTime != "" || o.Size != "" {
		return notImplemented("LastModifiedTime and Size in DeleteObjects")
	}
	if err := checkKey(o.Key); err != nil {
		return err
	}
	version, action := "", "s3:DeleteObject"
	if o.VersionID != nil && *o.VersionID != "" {
		version, action = *o.VersionID, "s3:DeleteObjectVersion"
	}
	if err := s.authorize(r, access{action: action, bucket: b, key: o.Key, versionID: version}); err != nil {
		return err
	}
	return s.remove(r.Context(), b, o.Key, version, o.ETag)
}
