package s3

import (
	"errors"
	"net/http"
	"testing"

	"github.com/opensds/gelato/internal/errs"
)

func TestFailuresOfBackends(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code   errs.Code
		reason string
		status int
		want   string
	}{
		{errs.InvalidArgument, "MetadataTooLarge", http.StatusBadRequest, "MetadataTooLarge"},
		{errs.InvalidArgument, "SomethingOfItsOwn", http.StatusInternalServerError, "InternalError"},
		{errs.ResourceExhausted, "SlowDown", http.StatusServiceUnavailable, "SlowDown"},
		{errs.PermissionDenied, "AccessDenied", http.StatusServiceUnavailable, "ServiceUnavailable"},
		{errs.NotFound, "NoSuchBucket", http.StatusInternalServerError, "InternalError"},
	} {
		status, code, _ := render(storeFailed(errs.New(c.code, "said", errors.New("cause")).Because(c.reason)))
		if status != c.status || code != c.want {
			t.Errorf("%v %s: got %d %s, want %d %s", c.code, c.reason, status, code, c.status, c.want)
		}
	}
}
