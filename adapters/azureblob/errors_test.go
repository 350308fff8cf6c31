package azureblob

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// TestErrors has a server refuse a Put and a Head with all that is told apart.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		code   string
		want   errs.Code
	}{
		{404, "BlobNotFound", errs.NotFound},
		{404, "ContainerNotFound", errs.FailedPrecondition},
		{409, "ContainerBeingDeleted", errs.FailedPrecondition},
		{409, "BlobArchived", errs.FailedPrecondition},
		{412, "ConditionNotMet", errs.FailedPrecondition},
		{412, "LeaseIdMissing", errs.FailedPrecondition},
		{403, "AuthenticationFailed", errs.Unauthenticated},
		{401, "NoAuthenticationInformation", errs.Unauthenticated},
		{403, "AuthorizationPermissionMismatch", errs.PermissionDenied},
		{403, "AuthorizationFailure", errs.PermissionDenied},
		{503, "ServerBusy", errs.ResourceExhausted},
		{500, "InternalError", errs.Unavailable},
		{500, "OperationTimedOut", errs.Unavailable},
		{400, "Md5Mismatch", errs.DataLoss},
		{400, "Crc64Mismatch", errs.DataLoss},
		{400, "InvalidResourceName", errs.InvalidArgument},
		{400, "MetadataTooLarge", errs.InvalidArgument},
		{429, "", errs.ResourceExhausted},
		{502, "", errs.Unavailable},
		{307, "", errs.Unavailable},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if c.code != "" {
				w.Header().Set("X-Ms-Error-Code", c.code)
			}
			w.WriteHeader(c.status)
		}))
		s := open(t, adapters.Config{Endpoint: srv.URL, BucketName: "container", Access: "account", Security: "c2VjcmV0"})
		_, herr := s.Head(t.Context(), "k")
		_, perr := s.Put(t.Context(), "k", strings.NewReader("x"), 1, adapters.PutOptions{})
		for op, err := range map[string]error{"Head": herr, "Put": perr} {
			if !errs.Is(err, c.want) {
				t.Errorf("%s answered %d %s: %v (%v), want %v", op, c.status, c.code, err, errs.CodeOf(err), c.want)
			}
		}
		srv.Close()
	}
}
