package s3dialect

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/adapters/s3shape"
	"github.com/opensds/gelato/internal/errs"
)

// Delete implements adapters.Store.
func (s *Store) Delete(ctx context.Context, key, ifMatch string) error {
	name, err := s.native(key)
	if err != nil {
		return err
	}
	if err := s.storable(ctx, *name); err != nil {
		if errs.ReasonOf(err) == "KeyNotStorable" {
			return nil // what the store would delete is another object
		}
		return err
	}
	if ifMatch != "" && !s.caps.ConditionalDelete {
		info, err := s.Head(ctx, key)
		if gone, err := s3shape.Matches(info, err, ifMatch); gone || err != nil {
			return err
		}
	}
	return s.delete(ctx, name, ifMatch)
}

// delete sends the condition along wherever the store does not refuse it.
func (s *Store) delete(ctx context.Context, name *string, ifMatch string) error {
	in := &s3.DeleteObjectInput{Bucket: &s.bucket, Key: name}
	if ifMatch != "" && !s.habits.noDeleteCondition.Load() {
		in.IfMatch = quote(ifMatch)
	}
	_, err := s.client.DeleteObject(ctx, in)
	if err == nil {
		return nil
	}
	err = fail(ctx, "delete object", err)
	switch {
	case errs.Is(err, errs.NotFound):
		return nil
	case in.IfMatch != nil && errs.Is(err, errs.Unimplemented) && !s.caps.ConditionalDelete:
		s.habits.noDeleteCondition.Store(true)
		return s.delete(ctx, name, ifMatch)
	case httpstore.IsPrecondition(err):
		if _, headErr := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: name}); headErr != nil && isStatus(headErr, http.StatusNotFound) {
			return nil // absent: AWS may call that a failed condition
		}
		return httpstore.Condition(err, false)
	}
	return err
}

func isStatus(err error, status int) bool {
	re, ok := errors.AsType[*smithyhttp.ResponseError](err)
	return ok && re.HTTPStatusCode() == status
}
