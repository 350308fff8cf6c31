// Gelato is the one binary: the services, all together (`gelato up`) or each by itself (`gelato serve`), and the client commands.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/opensds/gelato/cmd/gelato/certs"
	"github.com/opensds/gelato/cmd/gelato/client"
	"github.com/opensds/gelato/cmd/gelato/health"
	"github.com/opensds/gelato/cmd/gelato/kms"
	"github.com/opensds/gelato/cmd/gelato/serve"
	"github.com/opensds/gelato/cmd/gelato/up"
	"github.com/opensds/gelato/internal/run"
)

func main() {
	ctx, stop := run.Signals(context.Background())
	defer stop()
	root := &cobra.Command{
		Use: "gelato", Short: "One S3 endpoint over many object stores",
		SilenceUsage: true, SilenceErrors: true,
	}
	root.AddCommand(up.Command(), serve.Command(), serve.ConfigCommand())
	root.AddCommand(certs.Command(), certs.SecretsCommand(), health.Command(), kms.Command())
	root.AddCommand(client.Commands()...)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "gelato:", client.Message(err))
		os.Exit(1)
	}
}
