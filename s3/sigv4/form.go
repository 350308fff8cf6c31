package sigv4

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"time"

	"github.com/opensds/gelato/internal/errs"
)

// Form is what an HTML form says of its signature, as it came: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-authentication-HTMLPOST.html. Policy is the document
// in base64, which is what is signed. Version 4 fills Algorithm to Date, Version 2 AccessKey.
type Form struct {
	Policy, Signature           string
	Algorithm, Credential, Date string
	AccessKey                   string
}

// VerifyForm authenticates the fields of a form that has a policy. The body of the file is covered by nothing.
func (v *Verifier) VerifyForm(ctx context.Context, f Form) (Auth, error) {
	if f.Algorithm == "" && f.Credential == "" && f.AccessKey != "" {
		return v.formV2(ctx, f)
	}
	for _, field := range [...][2]string{{"X-Amz-Algorithm", f.Algorithm}, {"X-Amz-Credential", f.Credential}, {"X-Amz-Date", f.Date}, {"X-Amz-Signature", f.Signature}} {
		if field[1] == "" {
			return Auth{}, missingField(field[0])
		}
	}
	if f.Algorithm != algorithm {
		return Auth{}, refuse(errs.InvalidArgument, "InvalidArgument", "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"")
	}
	s, ok := parseScope(f.Credential)
	if !ok {
		return Auth{}, refuse(errs.InvalidArgument, "InvalidArgument", "The Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".")
	}
	if err := s.check(v.region); err != nil {
		return Auth{}, refuse(errs.InvalidArgument, "AuthorizationQueryParametersError", "Error parsing the X-Amz-Credential parameter; %s", err)
	}
	date, err := time.Parse(iso8601, f.Date)
	if err != nil {
		return Auth{}, refuse(errs.InvalidArgument, "InvalidArgument", "X-Amz-Date must be formatted as \"yyyyMMdd'T'HHmmss'Z'\"")
	}
	if f.Date[:8] != s.date {
		return Auth{}, refuse(errs.InvalidArgument, "InvalidArgument", "Invalid credential date %q. This date is not the same as X-Amz-Date: %q.", s.date, f.Date[:8])
	}
	now := v.now()
	switch { // a signing key serves for seven days, however far away the policy's own expiration is
	case date.After(now.Add(maxSkew)):
		return Auth{}, refuse(errs.PermissionDenied, "AccessDenied", "Request is not valid yet")
	case now.After(date.Add(maxExpires + maxSkew)):
		return Auth{}, refuse(errs.PermissionDenied, "AccessDenied", "Request has expired")
	}
	a := Auth{AccessKey: s.accessKey, Payload: Unsigned}
	key, err := v.signer(ctx, &a, s)
	if err != nil {
		return Auth{}, err
	}
	if !sameHex(sum(key[:], []byte(f.Policy)), f.Signature) {
		return Auth{}, errMismatch()
	}
	return a, nil
}

func (v *Verifier) formV2(ctx context.Context, f Form) (Auth, error) {
	if !v.v2 {
		return Auth{}, errOldVersion()
	}
	if f.Signature == "" {
		return Auth{}, missingField("Signature")
	}
	a := Auth{AccessKey: f.AccessKey, Payload: Unsigned}
	if err := v.identify(ctx, &a); err != nil {
		return Auth{}, err
	}
	given, err := base64.StdEncoding.DecodeString(f.Signature)
	if err != nil || subtle.ConstantTimeCompare(sumV2(a.Secret, f.Policy), given) != 1 {
		return Auth{}, errMismatch()
	}
	return a, nil
}

func missingField(name string) error {
	return refuse(errs.InvalidArgument, "InvalidArgument", "Bucket POST must contain a field named '%s'.  If it is specified, please check the order of the fields.", name)
}
