package hwobs

import (
	"context"

	"github.com/huaweicloud/huaweicloud-sdk-go-obs/obs"

	"github.com/opensds/gelato/adapters/s3shape"
	"github.com/opensds/gelato/internal/errs"
)

// Delete implements adapters.Store. OBS knows no condition here.
func (s *Store) Delete(ctx context.Context, key, ifMatch string) error {
	name, err := s.native(key)
	if err != nil {
		return err
	}
	if absent(name) {
		return nil
	}
	if ifMatch != "" {
		info, err := s.Head(ctx, key)
		if gone, err := s3shape.Matches(info, err, ifMatch); gone || err != nil {
			return err
		}
	}
	x := &exchange{}
	c, err := s.call(ctx, x)
	if err != nil {
		return err
	}
	_, err = c.DeleteObject(&obs.DeleteObjectInput{Bucket: s.bucket, Key: name}, obs.WithCustomHeader(s.dated()))
	if err == nil {
		return nil
	}
	if err = x.fail(ctx, "delete object", err); errs.Is(err, errs.NotFound) {
		return nil
	}
	return err
}
