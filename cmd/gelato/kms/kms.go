// Package kms is `gelato kms`: the keys under which the s3 service encrypts objects. It works on the keyring file itself, which running s3 processes follow. Only cmd/gelato imports it.
package kms

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/opensds/gelato/internal/config"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/s3/keyring"
)

type settings struct {
	data, keyring, masterKey, output string
}

// Command is the command.
func Command() *cobra.Command {
	s := &settings{}
	c := &cobra.Command{
		Use: "kms", Short: "Keys of the gateway's own, for SSE-S3 and SSE-KMS",
		Long: "Look at and change the keyring file, which holds the keys under which the gateway encrypts objects. A running gateway sees a change within a second; where\n" +
			"s3 processes have copies of the file, copy it to all of them before clients use a new key. Keep a copy: without it encrypted objects are lost.",
	}
	f := c.PersistentFlags()
	f.StringVar(&s.data, "data", "./gelato-data", "directory of `gelato up`, where the files are unless they are named")
	f.StringVar(&s.keyring, "kms-keyring-file", "", "the keyring file (default DIR/kms.keyring)")
	f.StringVar(&s.masterKey, "master-key-file", "", "file of the master key that seals it (default DIR/master.key)")
	f.StringVarP(&s.output, "output", "o", "table", "table or json")
	var aliases []string
	create := s.command("create [ID]", "Add a key; without an ID one is drawn", cobra.MaximumNArgs(1), func(r *keyring.Ring, args []string) (any, error) {
		return r.Create(strings.Join(args, ""), aliases)
	})
	create.Flags().StringSliceVar(&aliases, "alias", nil, "another name for the key; may be repeated")
	one := func(use, short string, change func(r *keyring.Ring, id string) (keyring.Info, error)) *cobra.Command {
		return s.command(use+" ID", short, cobra.ExactArgs(1), func(r *keyring.Ring, args []string) (any, error) { return change(r, args[0]) })
	}
	c.AddCommand(
		s.open("init", "Make the keyring file, if there is none", cobra.NoArgs, true, list),
		s.command("ls", "List keys", cobra.NoArgs, list),
		create,
		one("rotate", "Give a key a new version, for what is encrypted from now on", (*keyring.Ring).Rotate),
		one("disable", "Refuse to encrypt and decrypt with a key", func(r *keyring.Ring, id string) (keyring.Info, error) { return r.SetEnabled(id, false) }),
		one("enable", "Let a key be used again", func(r *keyring.Ring, id string) (keyring.Info, error) { return r.SetEnabled(id, true) }),
	)
	return c
}

func list(r *keyring.Ring, _ []string) (any, error) { return r.List(), nil }

// command is one command on a keyring that is there.
func (s *settings) command(use, short string, args cobra.PositionalArgs, do func(*keyring.Ring, []string) (any, error)) *cobra.Command {
	return s.open(use, short, args, false, do)
}

func (s *settings) open(use, short string, args cobra.PositionalArgs, make bool, do func(*keyring.Ring, []string) (any, error)) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: args, RunE: func(c *cobra.Command, args []string) error {
		if err := config.Fill(c.Flags(), os.LookupEnv); err != nil {
			return err
		}
		if s.keyring == "" {
			s.keyring = filepath.Join(s.data, "kms.keyring")
		}
		if s.masterKey == "" {
			s.masterKey = filepath.Join(s.data, "master.key")
		}
		box, err := seal.Load(s.masterKey, false)
		if err != nil {
			return err
		}
		ring, err := keyring.Open(s.keyring, box, make, keyring.Options{})
		if err != nil {
			return err
		}
		answer, err := do(ring, args)
		if err != nil {
			return err
		}
		return s.print(c.OutOrStdout(), answer)
	}}
}

// print shows one key or several.
func (s *settings) print(out io.Writer, answer any) error {
	if s.output == "json" {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(answer)
	}
	keys, ok := answer.([]keyring.Info)
	if !ok {
		keys = []keyring.Info{answer.(keyring.Info)}
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tALIASES\tSTATUS\tVERSIONS\tCREATED\tROTATED")
	for _, k := range keys {
		status := "enabled"
		if !k.Enabled {
			status = "disabled"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", k.ID, strings.Join(k.Aliases, ","), status, k.Versions, k.Created.Format(time.RFC3339), k.Rotated.Format(time.RFC3339))
	}
	return w.Flush()
}
