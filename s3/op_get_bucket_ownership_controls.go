package s3

import (
	"net/http"

	"github.com/opensds/gelato/s3/schema"
)

func (s *Service) getBucketOwnershipControls(w http.ResponseWriter, r *request) error {
	own, err := s.ownership(r.Context(), r.b)
	if err != nil {
		return err
	}
	if own == nil {
		return fail("OwnershipControlsNotFoundError", "The bucket ownership controls were not found")
	}
	x := &document{schema.Encode(ownershipControls{Rules: []ownershipRule{{*own}}})}
	return x.send(w, http.StatusOK)
}
