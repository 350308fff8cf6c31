package s3

import "net/http"

func (s *Service) getBucketLifecycleConfiguration(w http.ResponseWriter, r *request) error {
	c, err := s.lifecycleOf(r)
	if err != nil {
		return err
	}
	if c == nil {
		return fail("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")
	}
	w.Header()[minimumSizeHeader] = []string{string(c.MinimumSize)}
	return sendXML(w, c.XML())
}
