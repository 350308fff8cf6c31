// Package serve is `gelato serve NAME`, which runs one service in a process of its own, and `gelato config SERVICE`, which prints what such a
// process would run with. Only cmd/gelato imports it.
//
// A setting is a flag, an environment variable GELATO_<FLAG> and a key of the file that --config names; settings.go has them all, and
// deploy/config a commented sample for each service, which a test compares.
package serve

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/opensds/gelato/cmd/gelato/assemble"
	"github.com/opensds/gelato/internal/config"
	"github.com/opensds/gelato/internal/telemetry"
)

// Command is `gelato serve`.
func Command() *cobra.Command {
	return parent("serve", "Run one service in a process of its own", func(c *cobra.Command, s *settings) error {
		tel, err := telemetry.New(os.Stderr, s.logFormat, s.logLevel)
		if err != nil {
			return err
		}
		return serve(c.Context(), s, tel, c.OutOrStdout())
	})
}

// ConfigCommand is `gelato config`.
func ConfigCommand() *cobra.Command {
	return parent("config", "Print the configuration that a service would run with, passwords masked", func(c *cobra.Command, _ *settings) error {
		return config.Print(c.OutOrStdout(), c.Flags())
	})
}

// parent makes a command with a child for each service, all with the service's flags. do gets settings that are filled and valid.
func parent(use, short string, do func(*cobra.Command, *settings) error) *cobra.Command {
	p := &cobra.Command{Use: use + " SERVICE", Short: short, Args: cobra.NoArgs,
		Long: short + ".\nEach flag is also an environment variable (--tls-ca is GELATO_TLS_CA) and a key of the YAML file that --config names (ca below tls).",
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	for _, name := range assemble.Names() {
		s := &settings{name: name}
		c := &cobra.Command{Use: name, Short: what(name), Args: cobra.NoArgs}
		s.flags(c.Flags())
		c.RunE = func(c *cobra.Command, _ []string) error {
			if err := config.Fill(c.Flags(), os.LookupEnv); err != nil {
				return err
			}
			if err := s.validate(); err != nil {
				return err
			}
			return do(c, s)
		}
		p.AddCommand(c)
	}
	return p
}

func what(name string) string {
	switch name {
	case "api":
		return "REST, users and access keys"
	case "backend":
		return "the registered places and their credentials"
	case "s3":
		return "the S3 endpoint and the catalog of objects; any number of processes"
	case "dataflow":
		return "policies, plans, jobs and tasks"
	case "scheduler":
		return "runs plans that are due and cuts jobs into tasks; one process leads, others stand by"
	case "datamover":
		return "copies and verifies objects; any number of processes"
	}
	return ""
}
