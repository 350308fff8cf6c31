package certs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/opensds/gelato/cmd/gelato/assemble"
	"github.com/opensds/gelato/internal/certs"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/s3/keyring"
)

// renewBefore is how long before a certificate's end SecretsCommand makes a new one.
const renewBefore = 60 * 24 * time.Hour

// SecretsCommand is `gelato secrets`.
func SecretsCommand() *cobra.Command {
	s := secrets{now: time.Now}
	c := &cobra.Command{
		Use: "secrets --dir DIR", Short: "Make what the services of a new cluster keep secret, one folder for each", Args: cobra.NoArgs,
		Long: "Make the secrets of a development cluster: DIR/authority with ca.crt, ca.key and master.key, and DIR/SERVICE with no more than\n" +
			"that service needs: ca.crt, its certificate and key, master.key where it opens credentials, kms.keyring for s3, and root-credentials for api.\n" +
			"What is there stays; a certificate that ends within 60 days is made anew. So it may be run at every start.\n" +
			"Keep a copy of DIR/authority/master.key and DIR/s3/kms.keyring: without them the credentials of backends and users, and encrypted objects, are lost.",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.make(); err != nil {
				return err
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "the secrets are in %s\n", s.dir)
			return err
		},
	}
	c.Flags().StringVar(&s.dir, "dir", "", "directory of the folders")
	if err := c.MarkFlagRequired("dir"); err != nil {
		panic(err) // the flag is defined above
	}
	return c
}

type secrets struct {
	dir string
	now func() time.Time
}

// make makes what is missing. Each file is put in place whole, so that one who is interrupted finishes the next time.
func (s *secrets) make() error {
	own := filepath.Join(s.dir, "authority")
	for _, name := range append(services(), "authority") {
		if err := os.MkdirAll(filepath.Join(s.dir, name), 0o700); err != nil {
			return errs.New(errs.InvalidArgument, "the folder of "+name+" cannot be made", err)
		}
	}
	a, err := s.authority(own)
	if err != nil {
		return err
	}
	master := filepath.Join(own, "master.key")
	box, err := seal.Load(master, true)
	if err != nil {
		return err
	}
	key, err := os.ReadFile(master)
	if err != nil {
		return errs.New(errs.InvalidArgument, "the master key cannot be read", err)
	}
	for _, name := range services() {
		dir := filepath.Join(s.dir, name)
		if err := s.certificate(a, name, dir); err != nil {
			return err
		}
		if name == "dataflow" {
			continue // it opens no credentials
		}
		if err := same(filepath.Join(dir, "master.key"), key); err != nil {
			return err
		}
	}
	if _, err := keyring.Open(filepath.Join(s.dir, "s3", "kms.keyring"), box, true, keyring.Options{}); err != nil {
		return err
	}
	root := filepath.Join(s.dir, "api", "root-credentials")
	if _, err := os.Lstat(root); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return replace(root, assemble.NewCredentials(), 0o600)
}

// authority loads the authority, or makes one. The key is written first: without its certificate it is nothing yet.
func (s *secrets) authority(dir string) (*certs.Authority, error) {
	if _, err := os.Lstat(filepath.Join(dir, "ca.crt")); !errors.Is(err, fs.ErrNotExist) {
		return loadAuthority(dir)
	}
	a, err := certs.NewAuthority(s.now())
	if err != nil {
		return nil, err
	}
	if err := replace(filepath.Join(dir, "ca.key"), a.Key, 0o600); err != nil {
		return nil, err
	}
	return a, replace(filepath.Join(dir, "ca.crt"), a.Cert, 0o644)
}

// certificate sees to it that a service's folder has a certificate that lasts.
func (s *secrets) certificate(a *certs.Authority, name, dir string) error {
	if err := same(filepath.Join(dir, "ca.crt"), a.Cert); err != nil {
		return err
	}
	file := filepath.Join(dir, name+".crt")
	text, err := os.ReadFile(file)
	if err == nil {
		old, err := certs.Parse(text)
		if err != nil {
			return errs.New(errs.InvalidArgument, "the certificate "+file+" cannot be read", err)
		}
		if s.now().Before(old.NotAfter.Add(-renewBefore)) {
			return nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return errs.New(errs.InvalidArgument, "the certificate "+file+" cannot be read", err)
	}
	p, err := a.Issue(name, nil, s.now())
	if err != nil {
		return err
	}
	if err := replace(filepath.Join(dir, name+".key"), p.Key, 0o600); err != nil {
		return err
	}
	return replace(file, p.Cert, 0o644)
}

// same makes a file with the content, and refuses one that holds something else: then two clusters are mixed up.
func same(file string, content []byte) error {
	got, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return replace(file, content, 0o600)
	case err != nil:
		return errs.New(errs.InvalidArgument, "the file "+file+" cannot be read", err)
	case !bytes.Equal(got, content):
		return errs.Newf(errs.FailedPrecondition, "%s is another cluster's: it differs from the one in the folder authority", file)
	}
	return nil
}
