package client

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func backendCommand(s *settings) *cobra.Command {
	return group("backend", "Places where bytes lie: buckets of clouds, directories",
		backendAdd(s), backendList(s), showCommand(s, "backends", "NAME", "Show a backend"), backendUpdate(s),
		removeCommand(s, "backends", "NAME", "Remove a backend that nothing refers to"), backendProbe(s), backendTypes(s))
}

// backendFlags adds the flags of add and update. Here --endpoint is the store's, as REST calls it, so Gelato's own has another name.
func backendFlags(cmd *cobra.Command, s *settings) (b *body, noProbe *bool) {
	cmd.Flags().StringVar(&s.endpoint, "api-endpoint", "", "where REST is (GELATO_ENDPOINT; default "+defaultEndpoint+")")
	b = &body{flags: cmd.Flags()}
	b.text("region", "region", "region of the store")
	b.text("endpoint", "endpoint", "URL of the store, where it is not its cloud's own")
	b.text("bucket-name", "bucketName", "the store's bucket, container, pool or directory")
	b.text("prefix", "prefix", "prefix of all keys within it")
	b.text("access", "access", "access key of the store")
	b.secret("security-file", "security", "the secret of the store", cmd.InOrStdin)
	b.pairs("option", "options", "an option of the type")
	b.truth("default", "default", "new buckets go here unless they say otherwise")
	return b, cmd.Flags().Bool("no-probe", false, "do not test the store first")
}

func probeQuery(noProbe bool) url.Values {
	if noProbe {
		return url.Values{"probe": {"false"}}
	}
	return nil
}

func backendAdd(s *settings) *cobra.Command {
	var b *body
	var noProbe *bool
	cmd := command(s, "add NAME --type TYPE", "Register a backend, after a test of it", cobra.ExactArgs(1), func(cmd *cobra.Command, r *rest, args []string) error {
		in, err := b.object()
		if err != nil {
			return err
		}
		in["name"] = args[0]
		return send(cmd, s, r, "POST", []string{"backends"}, probeQuery(*noProbe), in)
	})
	b, noProbe = backendFlags(cmd, s)
	b.text("type", "type", "kind of store: see gelato backend types")
	_ = cmd.MarkFlagRequired("type") // the flag is there
	return cmd
}

func backendUpdate(s *settings) *cobra.Command {
	var b *body
	var noProbe *bool
	cmd := command(s, "update NAME", "Change a backend; what is not given stays", cobra.ExactArgs(1), func(cmd *cobra.Command, r *rest, args []string) error {
		in, err := b.change()
		if err != nil {
			return err
		}
		return send(cmd, s, r, "PUT", []string{"backends", args[0]}, probeQuery(*noProbe), in)
	})
	b, noProbe = backendFlags(cmd, s)
	b.text("name", "name", "a new name")
	return cmd
}

func backendList(s *settings) *cobra.Command {
	return command(s, "ls", "List backends", cobra.NoArgs, func(cmd *cobra.Command, r *rest, _ []string) error {
		type backend struct {
			Name, Type, State, Endpoint, BucketName, Prefix string
			Default                                         bool
			Usage                                           *struct{ Objects, Bytes int64 }
		}
		return listed(cmd, s, r, "backends", nil, 0, "NAME TYPE STATE DEFAULT OBJECTS SIZE PLACE", func(b backend) []string {
			objects, size, isDefault := "", "", ""
			if b.Usage != nil {
				objects, size = countText(b.Usage.Objects), bytesText(b.Usage.Bytes)
			}
			if b.Default {
				isDefault = "yes"
			}
			place := strings.TrimSuffix(b.Endpoint, "/")
			if place != "" {
				place += "/"
			}
			place += b.BucketName
			if b.Prefix != "" {
				place += "/" + b.Prefix
			}
			return []string{b.Name, b.Type, b.State, isDefault, objects, size, place}
		})
	})
}

func backendProbe(s *settings) *cobra.Command {
	return command(s, "probe NAME", "Test a backend now", cobra.ExactArgs(1), func(cmd *cobra.Command, r *rest, args []string) error {
		answer, err := r.call(cmd.Context(), "POST", []string{"backends", args[0], "probe"}, nil, nil)
		if err != nil {
			return err
		}
		if s.json() {
			return writeJSON(cmd.OutOrStdout(), answer)
		}
		var probe struct {
			Steps []struct {
				Name   string
				Millis float64
			}
		}
		if err := json.Unmarshal(answer, &probe); err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "STEP\tTIME")
		for _, st := range probe.Steps {
			fmt.Fprintf(w, "%s\t%.1f ms\n", oneLine(st.Name), st.Millis)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is ready\n", args[0])
		return err
	})
}
