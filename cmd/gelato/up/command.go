// Package up is `gelato up`: every service in one process on embedded state, each behind its own gRPC client.
package up

import (
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/opensds/gelato/cmd/gelato/assemble"
	"github.com/opensds/gelato/internal/config"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/telemetry"
	"github.com/opensds/gelato/s3"
)

// settings are the flags of `gelato up`; their help texts are their documentation.
type settings struct {
	data, s3Listen, apiListen                  string
	state, queue                               string
	rootAccess, rootSecret                     string
	region, ownership                          string
	domains                                    []string
	websites                                   []string
	sigV2                                      bool
	garbageGrace, sweepInterval, ttl, writeTTL time.Duration
	accessLogAge                               time.Duration
	notifyTargets, notifyTokens                []string
	masterKeyFile                              string
	encryption                                 assemble.EncryptionFlags
	logLevel, logFormat                        string
}

// Command is the command.
func Command() *cobra.Command {
	var s settings
	c := &cobra.Command{
		Use: "up", Short: "Run everything in one process", Args: cobra.NoArgs,
		Long: "Run every service in this process, with the state in a directory. Each flag is also an environment variable\n" +
			"(--s3-listen is GELATO_S3_LISTEN) and a key of the YAML file that --config names. Root credentials come from\n" +
			"GELATO_ROOT_ACCESS_KEY and GELATO_ROOT_SECRET_KEY; without them they are made and kept in DIR/root-credentials.",
	}
	f := c.Flags()
	f.StringVar(&s.data, "data", "./gelato-data", "directory of state, keys and the first backend")
	f.StringVar(&s.s3Listen, "s3-listen", "127.0.0.1:8090", "host:port of the S3 endpoint; port 0 lets the system choose")
	f.StringVar(&s.apiListen, "api-listen", "127.0.0.1:8089", "host:port of REST")
	f.StringVar(&s.state, "state", "pebble:", "where the state is: pebble: (DIR/state), pebble:DIR or mongodb://HOST/DATABASE")
	f.StringVar(&s.queue, "queue", "embedded:", "what carries work: embedded: (this process) or kafka://HOST:PORT")
	f.StringVar(&s.region, "s3-region", "us-east-1", "the region that S3 clients sign with")
	f.StringSliceVar(&s.domains, "s3-domain", nil, "domains of virtual-host style requests: bucket.DOMAIN")
	f.StringVar(&s.ownership, "s3-object-ownership", s3.ObjectWriter, "object ownership of new buckets whose creator does not say: ObjectWriter, BucketOwnerPreferred or BucketOwnerEnforced")
	f.StringSliceVar(&s.websites, "s3-website-domain", nil, "domains of websites: bucket.DOMAIN")
	f.BoolVar(&s.sigV2, "s3-sigv2", true, "whether Signature Version 2 of old S3 clients is accepted")
	f.DurationVar(&s.garbageGrace, "garbage-grace", time.Hour, "how long replaced bytes stay, for reads under way")
	f.DurationVar(&s.sweepInterval, "sweep-interval", time.Minute, "how often garbage is collected")
	f.DurationVar(&s.ttl, "lease-ttl", 30*time.Second, "how soon the work of a lost process is taken over")
	f.StringSliceVar(&s.notifyTargets, "notify-target", nil, "what notifications are sent to: NAME=https://HOST/PATH or NAME=kafka://HOST:PORT/TOPIC")
	f.StringSliceVar(&s.notifyTokens, "notify-token-file", nil, "bearer tokens of webhooks: NAME=FILE, mode 0600")
	f.DurationVar(&s.accessLogAge, "access-log-age", 5*time.Minute, "how old records of access logs may be when they are written as an object")
	f.DurationVar(&s.writeTTL, "write-ttl", 30*time.Second, "how long a write to a bucket may be out of touch before it is given up")
	f.StringVar(&s.masterKeyFile, "master-key-file", "", "file of the key that seals credentials, made when absent (default DIR/master.key)")
	s.encryption.Add(f, ", made when absent (default DIR/kms.keyring)")
	f.StringVar(&s.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&s.logFormat, "log-format", "text", "text or json")
	f.String(config.FileFlag, "", "YAML file of flags")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := config.Fill(f, os.LookupEnv); err != nil {
			return err
		}
		s.rootAccess, s.rootSecret = os.Getenv("GELATO_ROOT_ACCESS_KEY"), os.Getenv("GELATO_ROOT_SECRET_KEY")
		if err := s.validate(); err != nil {
			return err
		}
		tel, err := telemetry.New(os.Stderr, s.logFormat, s.logLevel)
		if err != nil {
			return err
		}
		return serve(c.Context(), s, tel, c.OutOrStdout())
	}
	return c
}

func (s *settings) validate() error {
	if s.masterKeyFile == "" {
		s.masterKeyFile = filepath.Join(s.data, "master.key")
	}
	if s.encryption.KeyringFile == "" {
		s.encryption.KeyringFile = filepath.Join(s.data, "kms.keyring")
	}
	if _, err := s.encryption.Encryption(); err != nil {
		return err
	}
	if err := assemble.CheckState(s.state, false); err != nil {
		return err
	}
	if err := assemble.CheckQueue(s.queue, false); err != nil {
		return err
	}
	switch {
	case (s.rootAccess == "") != (s.rootSecret == ""):
		return errs.Newf(errs.InvalidArgument, "GELATO_ROOT_ACCESS_KEY and GELATO_ROOT_SECRET_KEY go together")
	case s.region == "":
		return errs.Newf(errs.InvalidArgument, "--s3-region must not be empty")
	case !s3.ValidOwnership(s.ownership):
		return errs.Newf(errs.InvalidArgument, "--s3-object-ownership must be ObjectWriter, BucketOwnerPreferred or BucketOwnerEnforced")
	case s.accessLogAge < time.Second:
		return errs.Newf(errs.InvalidArgument, "--access-log-age must be at least 1s")
	case s.garbageGrace < 0 || s.sweepInterval <= 0 || s.ttl < time.Second || s.writeTTL < time.Second:
		return errs.Newf(errs.InvalidArgument, "--garbage-grace must not be negative, --sweep-interval must be positive, --lease-ttl and --write-ttl at least 1s")
	}
	return nil
}
