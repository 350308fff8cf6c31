package serve

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/opensds/gelato/cmd/gelato/assemble"
	"github.com/opensds/gelato/internal/config"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/lease"
	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/s3"
)

// settings are the flags of one service; their help texts are their documentation. A service has those that flags gives it.
type settings struct {
	name string

	listen, opsListen, frontListen string
	state, queue, masterKeyFile    string
	rootCredentialsFile            string
	peers                          map[string]*[]string
	tls                            rpc.Files
	tokenFile                      string
	logLevel, logFormat            string
	encryption                     assemble.EncryptionFlags
	sigV2                          bool
	o                              assemble.Options
}

// The ports of the services' defaults: gRPC on 127.0.0.1:8101 and up, health and metrics on 8111 and up.
const (
	grpcPort = 8101
	opsPort  = 8111
)

// port is the default address of a service: base and its place among the services.
func port(base int, name string) string {
	return fmt.Sprintf("127.0.0.1:%d", base+slices.Index(assemble.Names(), name))
}

// has says whether the service is one of these.
func (s *settings) has(names ...string) bool { return slices.Contains(names, s.name) }

func (s *settings) flags(f *pflag.FlagSet) {
	f.SortFlags = false
	f.String(config.FileFlag, "", "YAML file of flags")
	f.StringVar(&s.listen, "listen", port(grpcPort, s.name), "host:port of gRPC, for the other services; port 0 lets the system choose")
	if s.has("s3") {
		f.StringVar(&s.frontListen, "s3-listen", "127.0.0.1:8090", "host:port of the S3 endpoint")
	}
	if s.has("api") {
		f.StringVar(&s.frontListen, "api-listen", "127.0.0.1:8089", "host:port of REST, and of /healthz, /readyz and /metrics")
	} else {
		f.StringVar(&s.opsListen, "ops-listen", port(opsPort, s.name), "host:port of /healthz, /readyz and /metrics")
	}
	f.StringVar(&s.state, "state", "", "where the state is: mongodb://HOST[:PORT]/DATABASE; a password in it is best given in the file or in GELATO_STATE")
	config.SecretURL(f, "state")
	if s.has("scheduler", "datamover") {
		f.StringVar(&s.queue, "queue", "", "what carries work: kafka://HOST:PORT[,HOST:PORT]")
		config.SecretURL(f, "queue")
	}
	if !s.has("dataflow") {
		f.StringVar(&s.masterKeyFile, "master-key-file", "", "file of the key that seals credentials: 64 hexadecimal digits, mode 0600, the same for all services")
	}
	s.peers = map[string]*[]string{}
	for _, peer := range assemble.Calls(s.name) {
		s.peers[peer] = f.StringSlice("peers-"+peer, []string{port(grpcPort, peer)}, "host:port of each process of the service "+peer)
	}
	f.StringVar(&s.tls.CA, "tls-ca", "", "PEM file of the authority that signed the services' certificates")
	f.StringVar(&s.tls.Cert, "tls-cert", "", "PEM file of this service's certificate")
	f.StringVar(&s.tls.Key, "tls-key", "", "PEM file of its key")
	f.StringVar(&s.tokenFile, "cluster-token-file", "", "in place of TLS, where all services are on one machine: file of a secret that they share, mode 0600")
	s.own(f)
	f.StringVar(&s.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&s.logFormat, "log-format", "text", "text or json")
	config.Group(f, "peers")
	config.Group(f, "tls")
}

// own adds the flags that tune the service.
func (s *settings) own(f *pflag.FlagSet) {
	switch s.name {
	case "api":
		f.StringVar(&s.rootCredentialsFile, "root-credentials-file", "",
			"file with the lines GELATO_ROOT_ACCESS_KEY=... and GELATO_ROOT_SECRET_KEY=..., which the environment may give instead")
	case "backend":
		f.StringVar(&s.o.Region, "s3-region", "us-east-1", "the region that S3 clients sign with, which no backend may be named like")
		f.StringVar(&s.o.LocalDir, "local-dir", "", "directory to register as backend \"local\", the default, on the very first start; all services must see it under this path. Empty: none")
	case "s3":
		f.StringVar(&s.o.Region, "s3-region", "us-east-1", "the region that S3 clients sign with")
		f.StringSliceVar(&s.o.Domains, "s3-domain", nil, "domains of virtual-host style requests: bucket.DOMAIN")
		f.StringVar(&s.o.ObjectOwnership, "s3-object-ownership", s3.ObjectWriter, "object ownership of new buckets whose creator does not say: ObjectWriter, BucketOwnerPreferred or BucketOwnerEnforced")
		f.StringSliceVar(&s.o.Websites, "s3-website-domain", nil, "domains of websites: bucket.DOMAIN")
		f.BoolVar(&s.sigV2, "s3-sigv2", true, "whether Signature Version 2 of old S3 clients is accepted")
		s.encryption.Add(f, "; `gelato kms init` makes one. Empty: both are refused")
		f.DurationVar(&s.o.GarbageGrace, "garbage-grace", time.Hour, "how long replaced bytes stay, for reads under way")
		f.DurationVar(&s.o.SweepInterval, "sweep-interval", time.Minute, "how often garbage is collected")
		f.StringSliceVar(&s.o.NotifyTargets, "notify-target", nil, "what notifications are sent to: NAME=https://HOST/PATH or NAME=kafka://HOST:PORT/TOPIC")
		f.StringSliceVar(&s.o.NotifyTokens, "notify-token-file", nil, "bearer tokens of webhooks: NAME=FILE, mode 0600")
		f.DurationVar(&s.o.AccessLogAge, "access-log-age", 5*time.Minute, "how old records of access logs may be when they are written as an object")
		f.DurationVar(&s.o.WriteTTL, "write-ttl", 30*time.Second, "how long a write may be out of touch before it is given up")
		f.DurationVar(&s.o.LeaderTTL, "leader-ttl", lease.DefaultTTL, "how soon the journal shards of a lost process are taken over")
	case "dataflow":
		f.DurationVar(&s.o.LeaseTTL, "lease-ttl", 30*time.Second, "how soon the task of a lost datamover is taken over")
		f.DurationVar(&s.o.LeaderTTL, "leader-ttl", lease.DefaultTTL, "how soon a lost leader is replaced")
	case "scheduler":
		f.DurationVar(&s.o.LeaderTTL, "leader-ttl", lease.DefaultTTL, "how soon a lost leader is replaced")
	case "datamover":
		f.IntVar(&s.o.Tasks, "task-concurrency", 4, "tasks worked on at once")
		f.IntVar(&s.o.Objects, "object-concurrency", 32, "small objects copied at once")
		f.IntVar(&s.o.Large, "large-concurrency", 4, "large objects copied at once")
		f.IntVar(&s.o.Parts, "part-concurrency", 8, "parts of large objects copied at once")
	}
}

// validate joins all that is wrong.
func (s *settings) validate() error {
	problems := []error{assemble.CheckState(s.state, true)}
	bad := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if s.has("scheduler", "datamover") {
		problems = append(problems, assemble.CheckQueue(s.queue, true))
	}
	if s.masterKeyFile == "" && !s.has("dataflow") {
		bad("--master-key-file is missing: make one with (umask 077; openssl rand -hex 32 > FILE), and give all services the same")
	}
	for name, addrs := range s.peers {
		if len(*addrs) == 0 {
			bad("--peers-%s is empty: %s calls that service", name, s.name)
		}
	}
	all := s.tls.CA != "" && s.tls.Cert != "" && s.tls.Key != ""
	some := s.tls.CA != "" || s.tls.Cert != "" || s.tls.Key != ""
	switch {
	case some && !all:
		bad("--tls-ca, --tls-cert and --tls-key go together")
	case some && s.tokenFile != "":
		bad("--cluster-token-file and --tls-... exclude one another")
	case !some && s.tokenFile == "":
		bad("services need --tls-ca, --tls-cert and --tls-key to talk to one another, or --cluster-token-file on one machine")
	}
	if s.has("s3", "backend") && s.o.Region == "" {
		bad("--s3-region must not be empty")
	}
	if e, err := s.encryption.Encryption(); err != nil {
		problems = append(problems, err)
	} else {
		s.o.Encryption = e
	}
	if s.has("s3") && !s3.ValidOwnership(s.o.ObjectOwnership) {
		bad("--s3-object-ownership must be ObjectWriter, BucketOwnerPreferred or BucketOwnerEnforced")
	}
	if s.has("s3") && s.o.AccessLogAge < time.Second {
		bad("--access-log-age must be at least 1s")
	}
	if s.has("s3") && (s.o.GarbageGrace < 0 || s.o.SweepInterval <= 0) {
		bad("--garbage-grace must not be negative, --sweep-interval must be positive")
	}
	for _, ttl := range []struct {
		flag     string
		value    time.Duration
		services []string
	}{{"write-ttl", s.o.WriteTTL, []string{"s3"}}, {"lease-ttl", s.o.LeaseTTL, []string{"dataflow"}}, {"leader-ttl", s.o.LeaderTTL, []string{"s3", "dataflow", "scheduler"}}} {
		if s.has(ttl.services...) && ttl.value < time.Second {
			bad("--%s must be at least 1s", ttl.flag)
		}
	}
	if s.has("datamover") && min(s.o.Tasks, s.o.Objects, s.o.Large, s.o.Parts) < 1 {
		bad("the concurrencies of a datamover are at least 1")
	}
	if err := errors.Join(problems...); err != nil {
		return errs.Newf(errs.InvalidArgument, "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return nil
}
