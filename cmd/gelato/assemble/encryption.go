package assemble

import (
	"context"
	"net/netip"

	"github.com/spf13/pflag"

	"github.com/opensds/gelato/internal/cluster"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/keyring"
)

// EncryptionFlags are the flags of what s3 does about encryption by itself.
type EncryptionFlags struct {
	KeyringFile string
	byDefault   string
	plain       bool
	proxies     []string
}

// Add adds the flags; keyringHelp ends the help text of the file's.
func (e *EncryptionFlags) Add(f *pflag.FlagSet, keyringHelp string) {
	f.StringVar(&e.KeyringFile, "kms-keyring-file", "", "file of the keys for SSE-S3 and SSE-KMS, the same for all s3 processes"+keyringHelp)
	f.StringVar(&e.byDefault, "s3-default-encryption", "", "what buckets do that say nothing of encryption: AES256, aws:kms, or nothing")
	f.BoolVar(&e.plain, "s3-sse-c-plain-http", false, "take customers' keys (SSE-C) over plain HTTP too, where others may read along")
	f.StringSliceVar(&e.proxies, "s3-trusted-proxies", nil, "addresses (CIDR) of what speaks TLS before the gateway, whose X-Forwarded-Proto is believed")
}

// Encryption reads the flags.
func (e *EncryptionFlags) Encryption() (Encryption, error) {
	o := Encryption{Default: e.byDefault, Plain: e.plain}
	if o.Default != "" && o.Default != "AES256" && o.Default != "aws:kms" {
		return o, errs.Newf(errs.InvalidArgument, "--s3-default-encryption is AES256, aws:kms or empty")
	}
	if o.Default != "" && e.KeyringFile == "" {
		return o, errs.Newf(errs.InvalidArgument, "--s3-default-encryption needs --kms-keyring-file")
	}
	for _, text := range e.proxies {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return o, errs.New(errs.InvalidArgument, "--s3-trusted-proxies takes addresses like 192.0.2.0/24 or 192.0.2.1/32", err)
		}
		o.Proxies = append(o.Proxies, p)
	}
	return o, nil
}

// OpenKeyring opens the keyring and makes sure that it is the cluster's. It needs State and Box. Without a file there is none.
func OpenKeyring(ctx context.Context, d Deps, path string, create bool) (*keyring.Ring, error) {
	if path == "" {
		return nil, nil
	}
	ring, err := keyring.Open(path, d.Box, create, keyring.Options{Log: d.Telemetry.Log})
	if err != nil {
		return nil, err
	}
	return ring, retry(ctx, d.Telemetry.Log, "waiting for the state", func(ctx context.Context) error { return cluster.CheckKeyring(ctx, d.State, ring.ID()) })
}
