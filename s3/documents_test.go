package s3

import (
	"testing"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/accesslog"
	"github.com/opensds/gelato/s3/acl"
	"github.com/opensds/gelato/s3/cors"
	"github.com/opensds/gelato/s3/lifecycle"
	"github.com/opensds/gelato/s3/tagging"
	"github.com/opensds/gelato/s3/website"
)

// FuzzXML gives every reader of a request document what an outsider may send. What they refuse they refuse with one of S3's errors.
func FuzzXML(f *testing.F) {
	const namespace = ` xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`
	for _, seed := range []string{
		`<Delete><Quiet>true</Quiet><Object><Key>a</Key><VersionId>null</VersionId><ETag>"x"</ETag></Object></Delete>`,
		`<CompleteMultipartUpload` + namespace + `><Part><PartNumber>1</PartNumber><ETag>"x"</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part></CompleteMultipartUpload>`,
		`<CreateBucketConfiguration><LocationConstraint>x</LocationConstraint></CreateBucketConfiguration>`,
		`<RestoreRequest><Days>1</Days><GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters></RestoreRequest>`,
		`<AccessControlPolicy><Owner><ID>a</ID></Owner><AccessControlList><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>a</ID></Grantee><Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>`,
		`<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>`,
		`<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>`,
		`<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>`,
		`<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>`,
		`<LifecycleConfiguration><Rule><ID>a</ID><Filter><Prefix>p</Prefix></Filter><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>`,
		`<WebsiteConfiguration><IndexDocument><Suffix>i</Suffix></IndexDocument></WebsiteConfiguration>`,
		`<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`,
		`<BucketLoggingStatus><LoggingEnabled><TargetBucket>a</TargetBucket><TargetPrefix>p</TargetPrefix></LoggingEnabled></BucketLoggingStatus>`,
		`<AccelerateConfiguration><Status>Enabled</Status></AccelerateConfiguration>`,
		`<RequestPaymentConfiguration><Payer>Requester</Payer></RequestPaymentConfiguration>`,
	} {
		f.Add([]byte(seed))
	}
	readers := map[string]func([]byte) error{
		"CompleteMultipartUpload": reader(parseComplete), "OwnershipControls": reader(parseOwnership), "PublicAccessBlock": reader(parsePublicAccess),
		"Encryption": reader(parseEncryption), "Accelerate": reader(parseAcceleration), "RequestPayment": reader(parsePayment),
		"CORS": reader(cors.Parse), "Website": reader(website.Parse), "Logging": reader(accesslog.Parse),
		"Delete":     func(b []byte) error { return decodeXML(b, new(deleteRequest)) },
		"Create":     func(b []byte) error { return decodeXML(b, new(createRequest)) },
		"Restore":    func(b []byte) error { return decodeXML(b, new(restoreRequest)) },
		"ACL":        func(b []byte) error { _, _, err := acl.Parse(b); return err },
		"Tagging":    func(b []byte) error { _, err := tagging.Parse(b, tagging.Object); return err },
		"BucketTags": func(b []byte) error { _, err := tagging.Parse(b, tagging.Bucket); return err },
		"Lifecycle":  func(b []byte) error { _, err := lifecycle.Parse(b, func(string) bool { return true }); return err },
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for name, read := range readers {
			if err := read(body); err != nil && statusOf(errs.ReasonOf(err)) == 0 {
				t.Errorf("%s: %q: %v", name, body, err)
			}
		}
		if list, err := parseComplete(body); err == nil && (len(list) == 0 || len(list) > maxParts) {
			t.Errorf("%q: %d parts", body, len(list))
		}
	})
}

// reader leaves away what was read.
func reader[T any](parse func([]byte) (T, error)) func([]byte) error {
	return func(b []byte) error {
		_, err := parse(b)
		return err
	}
}
