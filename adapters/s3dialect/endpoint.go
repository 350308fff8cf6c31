package s3dialect

import (
	"context"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyauth "github.com/aws/smithy-go/auth"
	smithyendpoints "github.com/aws/smithy-go/endpoints"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// pathEndpoint is an endpoint with the one bucket in its path. It stands in for the SDK's rules, which work it out again for each request
// and cost a tenth of a small one.
type pathEndpoint struct {
	url    url.URL
	region string
}

var _ s3.EndpointResolverV2 = (*pathEndpoint)(nil)

func fixedEndpoint(o parsed, bucket string) *pathEndpoint {
	u, _ := url.Parse(o.endpoint) // parse has checked it
	return &pathEndpoint{*u.JoinPath(bucket), o.region}
}

// ResolveEndpoint implements s3.EndpointResolverV2. Its properties are made anew each time: the SDK writes into them.
func (e *pathEndpoint) ResolveEndpoint(context.Context, s3.EndpointParameters) (smithyendpoints.Endpoint, error) {
	var sign, props smithy.Properties
	smithyhttp.SetDisableDoubleEncoding(&sign, true)
	smithyhttp.SetSigV4SigningName(&sign, "s3")
	smithyhttp.SetSigV4SigningRegion(&sign, e.region)
	smithyauth.SetAuthOptions(&props, []*smithyauth.Option{{SchemeID: smithyauth.SchemeIDSigV4, SignerProperties: sign}})
	return smithyendpoints.Endpoint{URI: e.url, Properties: props}, nil
}
