// Package client is the command line of Gelato that speaks REST: backends, buckets, policies, plans, jobs, users and keys. Only cmd/gelato
// imports it.
//
// A command prints to its cobra output and returns an error; main prints its Message to stderr and exits 1. With -o json
// it prints what REST answers (a listing as one array, reports as JSON lines).
package client

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/opensds/gelato/internal/errs"
)

const defaultEndpoint = "http://127.0.0.1:8089"

// Commands returns the client commands for the root command, `version` too.
func Commands() []*cobra.Command {
	s := &settings{}
	commands := []*cobra.Command{
		backendCommand(s), bucketCommand(s), policyCommand(s), planCommand(s), jobCommand(s), userCommand(s), keyCommand(s), versionCommand(s),
	}
	for _, c := range commands {
		c.PersistentFlags().StringVarP(&s.output, "output", "o", "table", "how to print: table or json")
		if c.Name() == "version" {
			continue
		}
		c.PersistentFlags().StringVar(&s.endpoint, "endpoint", "", "where REST is (GELATO_ENDPOINT; default "+defaultEndpoint+")")
		c.PersistentFlags().StringVar(&s.accessKey, "access-key", "", "access key (GELATO_ACCESS_KEY)")
		c.PersistentFlags().StringVar(&s.secretKey, "secret-key", "", "secret key (GELATO_SECRET_KEY, which ps does not show)")
	}
	return commands
}

// Message is what main prints of an error: its text on one line.
func Message(err error) string {
	return oneLine(strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; "))
}

// settings are the flags that all commands share.
type settings struct {
	endpoint, accessKey, secretKey, output string
}

func (s *settings) checkOutput() error {
	if s.output != "table" && s.output != "json" {
		return errs.Newf(errs.InvalidArgument, "--output must be table or json, not %q", s.output)
	}
	return nil
}

func (s *settings) json() bool { return s.output == "json" }

// rest makes the client of what flags and environment say.
func (s *settings) rest() (*rest, error) {
	pick := func(flag, env string) string {
		if flag != "" {
			return flag
		}
		return os.Getenv(env)
	}
	endpoint := pick(s.endpoint, "GELATO_ENDPOINT")
	if endpoint == "" {
		endpoint = defaultEndpoint
	}
	access, secret := pick(s.accessKey, "GELATO_ACCESS_KEY"), pick(s.secretKey, "GELATO_SECRET_KEY")
	var missing []string
	if access == "" {
		missing = append(missing, "--access-key or GELATO_ACCESS_KEY")
	}
	if secret == "" {
		missing = append(missing, "--secret-key or GELATO_SECRET_KEY")
	}
	if len(missing) > 0 {
		return nil, errs.Newf(errs.Unauthenticated, "credentials are missing: set %s", strings.Join(missing, ", "))
	}
	return newREST(endpoint, access, secret)
}

// group makes a command that only holds others.
func group(use, short string, children ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, SilenceUsage: true, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	c.AddCommand(children...)
	return c
}

// command makes a command that talks to REST.
func command(s *settings, use, short string, args cobra.PositionalArgs, do func(cmd *cobra.Command, r *rest, args []string) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, SilenceUsage: true, Args: args, RunE: func(cmd *cobra.Command, args []string) error {
		if err := s.checkOutput(); err != nil {
			return err
		}
		r, err := s.rest()
		if err != nil {
			return err
		}
		return do(cmd, r, args)
	}}
}
