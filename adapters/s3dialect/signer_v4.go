package s3dialect

import (
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// signerV4 is the SDK's signer, but for the Accept-Encoding that the SDK adds: there are front ends that change it on the way (that of Google Cloud
// Storage does), so it must not be signed, and without it the transport sends none.
type signerV4 struct{ *v4.Signer }

var _ s3.HTTPSignerV4 = signerV4{}

func newSignerV4() signerV4 {
	return signerV4{v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })}
}

// SignHTTP implements s3.HTTPSignerV4.
func (s signerV4) SignHTTP(ctx context.Context, c aws.Credentials, r *http.Request, hash, service, region string, at time.Time, opts ...func(*v4.SignerOptions)) error {
	r.Header.Del("Accept-Encoding")
	return s.Signer.SignHTTP(ctx, c, r, hash, service, region, at, opts...)
}
