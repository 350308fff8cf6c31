package s3

import "net/http"

func (s *Service) getBucketTagging(w http.ResponseWriter, r *request) error {
	set, err := settingOf(r.Context(), s, r.b, settingTagging, parseBucketTags)
	if err != nil {
		return err
	}
	if set == nil {
		return fail("NoSuchTagSet", "The TagSet does not exist")
	}
	return sendXML(w, set.XML())
}
