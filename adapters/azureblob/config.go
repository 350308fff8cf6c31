package azureblob

import (
	"context"
	"encoding/base64"
	"net/url"
	"regexp"
	"strings"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/internal/errs"
)

// Kinds of credentials, the values of options.credential.
const (
	credentialKey    = "key"
	credentialSAS    = "sas"
	credentialString = "connection-string"
)

// Descriptor describes the type for adapters/all.
func Descriptor() adapters.Descriptor {
	return adapters.Descriptor{
		Description: "Azure Blob storage, as block blobs",
		Fields: []adapters.Field{
			{Name: "endpoint", Description: "URL of the account's blob service; empty for https://ACCOUNT.blob.core.windows.net"},
			{Name: "bucketName", Description: "the container", Required: true},
			{Name: "prefix", Description: "put in front of every key, as it is"},
			{Name: "access", Description: "name of the storage account; may be empty with a connection string, or with a SAS and an endpoint"},
			{Name: "security", Description: "account key, SAS token or connection string, as options.credential says", Required: true, Secret: true},
			{Name: "options.credential", Description: "what security holds", Default: credentialKey, Choices: []string{credentialKey, credentialSAS, credentialString}},
			httpstore.CAField(),
		},
		Capabilities: capabilities(0),
		Host:         host,
		Validate: func(c adapters.Config) error {
			if _, err := parse(c); err != nil {
				return err
			}
			return nil
		},
		Open: func(_ context.Context, c adapters.Config, _ adapters.Deps) (adapters.Store, error) { return Open(c) },
	}
}

func capabilities(prefixBytes int) adapters.Capabilities {
	return adapters.Capabilities{
		MaxObjectSize: maxParts * maxPartSize, MaxPutSize: maxPutSize,
		Multipart: true, MaxPartSize: maxPartSize, MaxParts: maxParts, ExclusiveUploads: true,
		MaxKeyBytes:    maxKeyBytes - prefixBytes,
		ConditionalPut: true, ConditionalDelete: true,
		StorageClasses: []string{"Hot", "Cool", "Cold"},
		S3Classes:      map[string]string{"STANDARD_IA": "Cool", "GLACIER_IR": "Cold"},
	}
}

// parsed is a checked Config. Either key or sas is set.
type parsed struct {
	endpoint, account, key, sas string
}

var (
	accountName   = regexp.MustCompile(`^[a-z0-9]{3,24}$`)
	containerName = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9]){2,62}$`)
)

func bad(field, message string) *errs.Error {
	return errs.Newf(errs.InvalidArgument, "%s: %s", field, message).Because(field)
}

func parse(c adapters.Config) (parsed, error) {
	if len(c.BucketName) > 63 || !containerName.MatchString(c.BucketName) && c.BucketName != "$web" {
		return parsed{}, bad("bucketName", "must be the name of a container: 3 to 63 lower-case letters, digits and single hyphens between them")
	}
	p := parsed{account: c.Access, endpoint: c.Endpoint}
	switch c.Options["credential"] {
	case "", credentialKey:
		if p.account == "" {
			return parsed{}, bad("access", "the name of the storage account is missing")
		}
		p.key = c.Security
	case credentialSAS:
		p.sas = strings.TrimPrefix(c.Security, "?")
		if p.account == "" && p.endpoint == "" {
			return parsed{}, bad("access", "the name of the storage account, or an endpoint, is missing")
		}
	case credentialString:
		if err := p.connection(c); err != nil {
			return parsed{}, err
		}
	default:
		return parsed{}, bad("options.credential", "must be key, sas or connection-string")
	}
	if p.account != "" && !accountName.MatchString(p.account) {
		return parsed{}, bad("access", "must be the name of a storage account: 3 to 24 lower-case letters and digits")
	}
	if p.key != "" || p.sas == "" {
		if raw, err := base64.StdEncoding.DecodeString(p.key); err != nil || len(raw) == 0 {
			return parsed{}, bad("security", "the account key is not base64")
		}
	} else if err := checkSAS(p.sas); err != nil {
		return parsed{}, err
	}
	if p.endpoint == "" {
		p.endpoint = "https://" + p.account + ".blob.core.windows.net"
	}
	if _, err := httpstore.CheckEndpoint(p.endpoint); err != nil {
		if c.Endpoint == "" {
			return parsed{}, bad("security", "the connection string has no usable BlobEndpoint")
		}
		return parsed{}, err
	}
	return p, nil
}

// connection reads a connection string (Microsoft Learn, "Configure Azure Storage connection strings").
func (p *parsed) connection(c adapters.Config) error {
	fields := map[string]string{}
	for part := range strings.SplitSeq(strings.Trim(strings.TrimSpace(c.Security), ";"), ";") {
		name, text, ok := strings.Cut(part, "=")
		if !ok || name == "" {
			return bad("security", "the connection string is not a list of Name=Value with semicolons between them")
		}
		fields[strings.TrimSpace(name)] = strings.TrimSpace(text)
	}
	account := fields["AccountName"]
	p.key, p.sas = fields["AccountKey"], strings.TrimPrefix(fields["SharedAccessSignature"], "?")
	switch {
	case p.key == "" && p.sas == "":
		return bad("security", "the connection string has neither AccountKey nor SharedAccessSignature")
	case p.key != "" && account == "":
		return bad("security", "the connection string has no AccountName")
	case p.key != "" && p.sas != "":
		return bad("security", "the connection string has both AccountKey and SharedAccessSignature")
	case c.Access != "" && account != "" && c.Access != account:
		return bad("access", "is another account than that of the connection string")
	}
	if account != "" {
		p.account = account
	}
	if p.endpoint != "" {
		return nil
	}
	if p.endpoint = fields["BlobEndpoint"]; p.endpoint != "" {
		return nil
	}
	if p.account == "" {
		return bad("security", "the connection string has neither BlobEndpoint nor AccountName")
	}
	scheme, suffix := fields["DefaultEndpointsProtocol"], fields["EndpointSuffix"]
	if scheme == "" {
		scheme = "https"
	}
	if suffix == "" {
		suffix = "core.windows.net"
	}
	p.endpoint = scheme + "://" + p.account + ".blob." + suffix
	return nil
}

// checkSAS checks what can be told of a SAS token without the key (Microsoft Learn, "Create a service SAS"): a signature, and an end
// in itself or in a stored access policy.
func checkSAS(sas string) error {
	q, err := url.ParseQuery(sas)
	switch {
	case err != nil:
		return bad("security", "the SAS token is not a query string")
	case q.Get("sig") == "":
		return bad("security", "the SAS token has no signature (sig)")
	case q.Get("se") == "" && q.Get("si") == "":
		return bad("security", "the SAS token has no end (se)")
	}
	return nil
}

// host is the account: its containers are the places. Accounts of one emulator differ by the path.
func host(c adapters.Config) string {
	p, err := parse(c)
	if err != nil {
		return ""
	}
	u, err := url.Parse(p.endpoint)
	if err != nil {
		return ""
	}
	return adapters.EndpointHost(p.endpoint) + strings.TrimSuffix(u.Path, "/")
}
