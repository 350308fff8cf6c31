package s3dialect

import (
	"context"
	"errors"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/adapters/s3shape"
)

// fail turns what the SDK returned into one of our errors.
func fail(ctx context.Context, op string, err error) error {
	a := httpstore.Answer{Code: apiCode(err)}
	if re, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		a.Status = re.HTTPStatusCode()
	}
	return s3shape.Fail(ctx, op, err, a)
}

// apiCode returns the S3 error code of an SDK error, or "".
func apiCode(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}
