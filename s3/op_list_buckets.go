package s3

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/opensds/gelato/s3/catalog"
)

const maxBuckets = 10_000

func (s *Service) listBuckets(w http.ResponseWriter, r *request) error {
	limit, err := intParam(r.query, "max-buckets", maxBuckets, maxBuckets)
	if err != nil || limit == 0 {
		return fail("InvalidArgument", "Argument max-buckets must be an integer between 1 and 10000")
	}
	after, err := token(r.query.Get("continuation-token"))
	if err != nil {
		return err
	}
	if region := r.query.Get("bucket-region"); region != "" && region != s.o.Region {
		limit = 0
	}
	found, more, err := s.someBuckets(r, r.query.Get("prefix"), after, limit)
	if err != nil {
		return err
	}
	x := s.page()
	defer s.release(x)
	x.root("ListAllMyBucketsResult")
	x.owner("Owner", s.users.shown(r.Context(), r.auth.User))
	x.open("Buckets")
	for _, b := range found {
		x.open("Bucket")
		x.text("Name", b.Name)
		x.time("CreationDate", b.Created)
		x.text("BucketRegion", s.o.Region)
		x.close("Bucket")
	}
	x.close("Buckets")
	if more && len(found) > 0 {
		x.text("ContinuationToken", base64.RawURLEncoding.EncodeToString([]byte(found[len(found)-1].Name)))
	}
	x.optional("Prefix", r.query.Get("prefix"))
	x.close("ListAllMyBucketsResult")
	return x.send(w, http.StatusOK)
}

// someBuckets are up to limit buckets of the caller, by name.
func (s *Service) someBuckets(r *request, prefix, after string, limit int) (found []catalog.Bucket, more bool, err error) {
	for more = true; more && limit > 0; {
		var page []catalog.Bucket
		if page, more, err = s.catalog.Buckets(r.Context(), r.auth.User, after, 1000); err != nil {
			return nil, false, err
		}
		for _, b := range page {
			after = b.Name
			if !strings.HasPrefix(b.Name, prefix) {
				continue
			}
			if len(found) == limit {
				return found, true, nil
			}
			found = append(found, b)
		}
		if len(page) == 0 {
			break
		}
	}
	return found, false, nil
}

// token reads an opaque continuation token.
func token(text string) (string, error) {
	after, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return "", fail("InvalidArgument", "The continuation token provided is incorrect")
	}
	return string(after), nil
}
