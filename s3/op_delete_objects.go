package s3

import (
	"cmp"
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
	outcomes := s.deleteAll(r, d.Objects)
	x := s.page()
	defer s.release(x)
	x.root("DeleteResult")
	for i, o := range d.Objects {
		done, err := outcomes[i].Deleted, outcomes[i].err
		s.logPart(r, batchDelete, r.b, o.Key, done.VersionID, err)
		if err == nil && d.Quiet {
			continue
		}
		element := "Deleted"
		if err != nil {
			element = "Error"
		}
		x.open(element)
		x.text("Key", o.Key)
		if o.VersionID != nil {
			x.text("VersionId", *o.VersionID)
		}
		switch {
		case err != nil:
			status, code, message := render(err)
			if status >= 500 {
				s.o.Log.ErrorContext(r.Context(), "delete failed", "request", r.id, "bucket", r.bucket, "key", o.Key, "err", err)
			}
			x.text("Code", code)
			x.text("Message", message)
		case done.Marker:
			x.truth("DeleteMarker", true)
			x.text("DeleteMarkerVersionId", cmp.Or(done.VersionID, catalog.NullVersion))
		}
		x.close(element)
	}
	x.close("DeleteResult")
	return x.send(w, http.StatusOK)
}

// deletion is what became of one object.
type deletion struct {
	catalog.Deleted
	err error
}

// deleteAll deletes objects, several keys at once; versions of one key one after the other, in their order.
func (s *Service) deleteAll(r *request, list []deleteTarget) []deletion {
	outcomes := make([]deletion, len(list))
	byKey := map[string][]int{}
	for i, o := range list {
		byKey[o.Key] = append(byKey[o.Key], i)
	}
	var g errgroup.Group
	g.SetLimit(parallelDeletes)
	for _, of := range byKey {
		g.Go(func() error {
			for _, i := range of {
				outcomes[i].Deleted, outcomes[i].err = s.deleteOne(r, list[i])
			}
			return nil
		})
	}
	g.Wait()
	return outcomes
}

func (s *Service) deleteOne(r *request, o deleteTarget) (done catalog.Deleted, err error) {
	if o.LastModifiedTime != "" || o.Size != "" {
		return done, notImplemented("LastModifiedTime and Size in DeleteObjects")
	}
	if err := checkKey(o.Key); err != nil {
		return done, err
	}
	version, action := "", "s3:DeleteObject"
	if o.VersionID != nil && *o.VersionID != "" {
		version, action = *o.VersionID, "s3:DeleteObjectVersion"
		if !validVersion(version) {
			return done, fail("NoSuchVersion", "The specified version does not exist.")
		}
	}
	if err := s.authorize(r, access{action: action, bucket: r.b, key: o.Key, versionID: version}); err != nil {
		return done, err
	}
	return s.remove(r, o.Key, version, o.ETag)
}
