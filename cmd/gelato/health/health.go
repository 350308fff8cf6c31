// Package health is `gelato health`: one question to a running service, for health checks of containers. Only cmd/gelato imports it.
package health

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/rpc"
)

type settings struct {
	service, address, url, tlsDir, tokenFile string
	files                                    rpc.Files
	timeout                                  time.Duration
}

// Command is the command.
func Command() *cobra.Command {
	var s settings
	c := &cobra.Command{
		Use: "health [SERVICE] --address HOST:PORT | --url URL", Short: "Ask a service whether it serves", Args: cobra.MaximumNArgs(1),
		Long: "Ask the service at an address over gRPC, or an HTTP listener's /readyz, and exit 0 if it serves, 1 if not. gRPC needs the credentials of\n" +
			"a service: the certificate of any one, or the cluster token. SERVICE is the one asked; with certificates the default is the one whose they are.",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				s.service = args[0]
			}
			ctx, cancel := context.WithTimeout(c.Context(), s.timeout)
			defer cancel()
			line, err := s.ask(ctx)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), line)
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&s.address, "address", "", "host:port of the service's gRPC listener")
	f.StringVar(&s.url, "url", "", "ask over HTTP instead; any answer but 200 means that it does not serve")
	f.StringVar(&s.tlsDir, "tls-dir", "", "directory of ca.crt, SERVICE.crt and SERVICE.key, as `gelato certs init` makes it")
	f.StringVar(&s.files.CA, "tls-ca", "", "file of the authority's certificate")
	f.StringVar(&s.files.Cert, "tls-cert", "", "file of a service's certificate")
	f.StringVar(&s.files.Key, "tls-key", "", "file of its key")
	f.StringVar(&s.tokenFile, "token-file", "", "file of the cluster token, for loopback")
	f.DurationVar(&s.timeout, "timeout", 3*time.Second, "how long to wait for the answer")
	c.MarkFlagsOneRequired("address", "url")
	c.MarkFlagsMutuallyExclusive("address", "url")
	c.MarkFlagsMutuallyExclusive("tls-dir", "tls-cert", "token-file")
	c.MarkFlagsRequiredTogether("tls-ca", "tls-cert", "tls-key")
	return c
}

// ask returns the line that says that the service serves.
func (s settings) ask(ctx context.Context) (string, error) {
	if s.url != "" {
		return askHTTP(ctx, s.url)
	}
	c, err := s.credentials()
	if err != nil {
		return "", err
	}
	if s.service == "" {
		s.service = c.Role()
	}
	if s.service == "" {
		return "", errs.Newf(errs.InvalidArgument, "name the service that is asked")
	}
	return askGRPC(ctx, s.service, s.address, c)
}

func (s settings) credentials() (rpc.Credentials, error) {
	switch {
	case s.tlsDir != "" && s.service == "":
		return rpc.Credentials{}, errs.Newf(errs.InvalidArgument, "--tls-dir needs the name of the service")
	case s.tlsDir != "":
		file := func(name string) string { return filepath.Join(s.tlsDir, name) }
		return rpc.TLS(rpc.Files{CA: file("ca.crt"), Cert: file(s.service + ".crt"), Key: file(s.service + ".key")})
	case s.files.Cert != "":
		return rpc.TLS(s.files)
	case s.tokenFile != "":
		return rpc.Token(s.tokenFile)
	}
	return rpc.Credentials{}, errs.Newf(errs.InvalidArgument, "--address needs --tls-dir, --tls-ca with --tls-cert and --tls-key, or --token-file")
}

func askGRPC(ctx context.Context, service, address string, c rpc.Credentials) (string, error) {
	conn, err := rpc.Dial(service, []string{address}, c, rpc.DialOptions{GRPC: []grpc.DialOption{grpc.WithDisableHealthCheck()}}) // it is asked here
	if err != nil {
		return "", err
	}
	defer conn.Close()
	// As a whole: by its name a service that is well, but does not lead, says NOT_SERVING.
	answer, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{}, grpc.WaitForReady(false))
	if err != nil {
		return "", fmt.Errorf("ask %s at %s: %w", service, address, err)
	}
	if answer.Status != healthpb.HealthCheckResponse_SERVING {
		return "", errs.Newf(errs.Unavailable, "%s at %s says %v", service, address, answer.Status)
	}
	return service + " at " + address + " is serving", nil
}

// maxAnswer bounds what is read of an HTTP answer.
const maxAnswer = 4 << 10

func askHTTP(ctx context.Context, address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", errs.Newf(errs.InvalidArgument, "--url must be http://HOST:PORT/PATH or https://HOST:PORT/PATH")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", errs.New(errs.InvalidArgument, "--url cannot be asked", err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(req)
	if err != nil {
		return "", errs.New(errs.Unavailable, u.Redacted()+" does not answer", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return "", errs.New(errs.Unavailable, u.Redacted()+" broke off", err)
	}
	if answer.StatusCode != http.StatusOK {
		return "", errs.Newf(errs.Unavailable, "%s answers %s: %s", u.Redacted(), answer.Status, strings.Join(strings.Fields(string(text)), " "))
	}
	return u.Redacted() + " is ready", nil
}
