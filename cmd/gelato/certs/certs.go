// Package certs is `gelato certs`: the certificates of a development cluster, as files. Only cmd/gelato imports it.
//
// A directory holds ca.crt and ca.key, and SERVICE.crt and SERVICE.key for each service. A service needs ca.crt and its own two; ca.key is
// for making more. Keys have mode 0600.
package certs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/opensds/gelato/internal/certs"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/rpc"
)

// services are those that get a certificate.
func services() []string {
	return []string{"api", "backend", "s3", "dataflow", "scheduler", "datamover"}
}

// Command is the command.
func Command() *cobra.Command {
	c := &cobra.Command{Use: "certs", Short: "Make the certificates by which services know one another",
		Long: "Make a certificate authority and a certificate for each service, for development and for clusters that have no authority of\n" +
			"their own. Any authority will do: a service's certificate needs the DNS name gelato-SERVICE and both extended key usages."}
	c.AddCommand(
		command("init", "Make an authority (10 years) and the certificates (1 year)", (*folder).init),
		command("renew", "Make every certificate anew, with the same authority; running services take them up by themselves", (*folder).renew))
	return c
}

func command(name, short string, do func(*folder) error) *cobra.Command {
	f := &folder{now: time.Now}
	c := &cobra.Command{Use: name, Short: short, Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		f.out = c.OutOrStdout()
		if err := checkHosts(f.hosts); err != nil {
			return err
		}
		return do(f)
	}}
	c.Flags().StringVar(&f.dir, "dir", "", "directory of the files")
	c.Flags().StringArrayVar(&f.hosts, "host", nil, "a further DNS name or IP address of the services; may be repeated")
	if err := c.MarkFlagRequired("dir"); err != nil {
		panic(err) // the flag is defined above
	}
	return c
}

type folder struct {
	dir   string
	hosts []string
	out   io.Writer
	now   func() time.Time
}

// init makes everything; it overwrites nothing.
func (f *folder) init() error {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return errs.New(errs.InvalidArgument, "the directory cannot be made", err)
	}
	for _, name := range append([]string{"ca"}, services()...) {
		for _, file := range []string{name + ".crt", name + ".key"} {
			if _, err := os.Lstat(filepath.Join(f.dir, file)); !errors.Is(err, fs.ErrNotExist) {
				return errs.Newf(errs.AlreadyExists, "%s is there already; `gelato certs renew` makes new certificates with the authority that is there", filepath.Join(f.dir, file))
			}
		}
	}
	a, err := certs.NewAuthority(f.now())
	if err != nil {
		return err
	}
	if err := f.write("ca", a.Pair); err != nil {
		return err
	}
	return f.issue(a)
}

// renew makes the services' certificates again; each keeps the hosts that it had.
func (f *folder) renew() error {
	if _, err := os.Lstat(filepath.Join(f.dir, "ca.crt")); err != nil {
		return errs.New(errs.InvalidArgument, "there is no authority; `gelato certs init` makes one", err)
	}
	a, err := loadAuthority(f.dir)
	if err != nil {
		return err
	}
	return f.issue(a)
}

// loadAuthority reads ca.crt and ca.key, which must be there.
func loadAuthority(dir string) (*certs.Authority, error) {
	cert, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		return nil, errs.New(errs.InvalidArgument, "the authority's certificate cannot be read", err)
	}
	key, err := os.ReadFile(filepath.Join(dir, "ca.key"))
	if err != nil {
		return nil, errs.New(errs.InvalidArgument, "the authority's key cannot be read", err)
	}
	a, err := certs.LoadAuthority(certs.Pair{Cert: cert, Key: key})
	if err != nil {
		return nil, errs.New(errs.InvalidArgument, "the authority cannot be used", err)
	}
	return a, nil
}

func (f *folder) issue(a *certs.Authority) error {
	for _, name := range services() {
		hosts, err := f.hostsOf(name)
		if err != nil {
			return err
		}
		p, err := a.Issue(name, hosts, f.now())
		if err != nil {
			return err
		}
		if err := f.write(name, p); err != nil {
			return err
		}
	}
	return nil
}

// hostsOf joins the hosts of the flags with those of the certificate that is there, without what every certificate holds.
func (f *folder) hostsOf(name string) ([]string, error) {
	hosts := slices.Clone(f.hosts)
	text, err := os.ReadFile(filepath.Join(f.dir, name+".crt"))
	if err == nil {
		old, err := certs.Parse(text)
		if err != nil {
			return nil, errs.New(errs.InvalidArgument, "the certificate of "+name+" cannot be read; move it away", err)
		}
		hosts = append(hosts, old.DNSNames...)
		for _, ip := range old.IPAddresses {
			hosts = append(hosts, ip.String())
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, errs.New(errs.InvalidArgument, "the certificate of "+name+" cannot be read", err)
	}
	slices.Sort(hosts)
	return slices.DeleteFunc(slices.Compact(hosts), func(h string) bool {
		return slices.Contains([]string{rpc.RolePrefix + name, name, "localhost", "127.0.0.1", "::1"}, h)
	}), nil
}

// write puts the key and then the certificate in place, each whole: who reads the two in between sees that they do not fit, and keeps the old ones.
func (f *folder) write(name string, p certs.Pair) error {
	if err := replace(filepath.Join(f.dir, name+".key"), p.Key, 0o600); err != nil {
		return err
	}
	if err := replace(filepath.Join(f.dir, name+".crt"), p.Cert, 0o644); err != nil {
		return err
	}
	cert, err := certs.Parse(p.Cert)
	if err != nil {
		return err
	}
	names := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	_, err = fmt.Fprintln(f.out, strings.TrimSpace(fmt.Sprintf("%s %s until %s %s", filepath.Join(f.dir, name+".crt"), name+".key",
		cert.NotAfter.UTC().Format(time.DateOnly), strings.Join(names, " "))))
	return err
}

func replace(path string, content []byte, mode fs.FileMode) error {
	t, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return errs.New(errs.InvalidArgument, "the file "+path+" cannot be written", err)
	}
	_, err = t.Write(content)
	err = errors.Join(err, t.Chmod(mode), t.Sync(), t.Close())
	if err == nil {
		err = os.Rename(t.Name(), path)
	}
	if err != nil {
		return errs.New(errs.Internal, "the file "+path+" cannot be written", errors.Join(err, os.Remove(t.Name())))
	}
	return nil
}

func checkHosts(hosts []string) error {
	name := regexp.MustCompile(`^(\*\.)?([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$`)
	for _, h := range hosts {
		switch {
		case strings.HasPrefix(strings.ToLower(h), rpc.RolePrefix): // names of certificates are compared without regard to case
			return errs.Newf(errs.InvalidArgument, "--host %s: names that begin with %s say which service a certificate is of", h, rpc.RolePrefix)
		case net.ParseIP(h) == nil && (len(h) > 253 || !name.MatchString(h)):
			return errs.Newf(errs.InvalidArgument, "--host %q is neither a DNS name nor an IP address", h)
		}
	}
	return nil
}
