package cephrados

import (
	"encoding/base64"
	"encoding/binary"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

const (
	minStripe     = 64 << 10
	maxStripe     = 128 << 20 // a RADOS object may not be larger (osd_max_object_size)
	defaultStripe = 4 << 20
	pieceSize     = 4 << 20 // of one operation on data; one may carry 90 MiB (osd_max_write_size)
	maxShards     = 1024
	defaultShards = 16
	maxTimeout    = 600
)

func fields() []adapters.Field {
	return []adapters.Field{
		{Name: "endpoint", Description: `Monitors: "10.0.0.1:6789,10.0.0.2" or "[v2:10.0.0.1:3300]"`, Required: true},
		{Name: "bucketName", Description: "Name of an existing replicated pool", Required: true},
		{Name: "prefix", Description: "Put in front of every key"},
		{Name: "access", Description: `Name of the Ceph user, without "client."`, Required: true},
		{Name: "security", Description: "Key of the user (ceph auth get-key)", Required: true, Secret: true},
		{Name: "options.namespace", Description: "RADOS namespace in the pool"},
		{Name: "options.stripeSize", Description: "Size in bytes of the RADOS objects that hold the bytes: 65536 to 4194304 in steps of 65536, or to 134217728 in steps of 4194304", Default: "4194304"},
		{Name: "options.indexShards", Description: "RADOS objects over which the index is spread, 1 to 1024; fixed by the first write into the namespace", Default: "16"},
		{Name: "options.timeout", Description: "Seconds after which an operation that gets no answer fails, 1 to 600", Default: "10"},
	}
}

// settings are a Config, understood.
type settings struct {
	monitors, user, key     string
	pool, namespace, prefix string
	stripe                  int64
	shards                  int // 0 means whatever the pool has
	timeout                 time.Duration
	readOnly                bool
}

func bad(field, format string, args ...any) error {
	return errs.Newf(errs.InvalidArgument, field+" "+format, args...).Because(field)
}

var (
	userName = regexp.MustCompile(`^[\w.:@-]{1,128}$`)
	poolName = regexp.MustCompile(`^[^\s/\x00-\x1f]{1,128}$`)
)

// parse checks everything that can be checked without the cluster.
func parse(c adapters.Config) (settings, error) {
	s := settings{
		monitors: c.Endpoint, user: c.Access, key: c.Security, pool: c.BucketName, namespace: c.Options["namespace"], prefix: c.Prefix,
		readOnly: c.ReadOnly(),
	}
	mons := splitMonitors(c.Endpoint)
	for _, m := range mons {
		if !validMonitor(m) {
			return s, bad("endpoint", "names the monitor %q, want HOST, HOST:PORT, v2:IP:PORT or [v2:IP:PORT,v1:IP:PORT]", m)
		}
	}
	switch {
	case len(mons) == 0:
		return s, bad("endpoint", "names no monitor")
	case !poolName.MatchString(s.pool):
		return s, bad("bucketName", "is not the name of a pool")
	case strings.HasPrefix(s.user, "client."):
		return s, bad("access", `must not begin with "client."`)
	case !userName.MatchString(s.user):
		return s, bad("access", "is not the name of a Ceph user")
	case !validKey(s.key):
		return s, bad("security", "is not a key of a Ceph user, as ceph auth get-key prints it")
	case len(s.namespace) > 128 || strings.ContainsAny(s.namespace, "\x00\x01\n"):
		return s, bad("options.namespace", "must have at most 128 bytes and no control characters")
	}
	n, err := number(c, "stripeSize", defaultStripe, minStripe, maxStripe)
	if err != nil {
		return s, err
	}
	if s.stripe = int64(n); s.stripe%minStripe != 0 || s.stripe > pieceSize && s.stripe%pieceSize != 0 {
		return s, bad("options.stripeSize", "must be a multiple of %d, above %d one of that", minStripe, pieceSize)
	}
	if s.shards, err = number(c, "indexShards", 0, 1, maxShards); err != nil {
		return s, err
	}
	n, err = number(c, "timeout", 10, 1, maxTimeout)
	s.timeout = time.Duration(n) * time.Second
	return s, err
}

func number(c adapters.Config, name string, def, least, most int) (int, error) {
	text := c.Options[name]
	if text == "" {
		return def, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, bad("options."+name, "must be a number from %d to %d", least, most)
	}
	return n, nil
}

// splitMonitors splits at the commas, blanks and semicolons outside brackets.
func splitMonitors(endpoint string) []string {
	depth := 0
	return strings.FieldsFunc(endpoint, func(r rune) bool {
		switch r {
		case '[':
			depth++
		case ']':
			depth--
		}
		return depth == 0 && strings.ContainsRune(", ;", r)
	})
}

// validMonitor accepts a host with or without a port, and Ceph's own [v2:...,v1:...].
func validMonitor(m string) bool {
	addresses := addressesOf(m)
	for _, a := range addresses {
		host, port, err := net.SplitHostPort(a)
		if n, perr := strconv.Atoi(port); err != nil || perr != nil || n < 1 || n > 65535 || !validHost(host) {
			return false
		}
	}
	return len(addresses) > 0
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9.])?$`)

func validHost(host string) bool { return net.ParseIP(host) != nil || hostName.MatchString(host) }

// addressesOf are the HOST:PORT of one monitor, to be dialled; none when it has no form that Ceph knows.
func addressesOf(m string) []string {
	inner := m
	if strings.HasPrefix(m, "[v") && strings.HasSuffix(m, "]") {
		inner = m[1 : len(m)-1]
	}
	if !strings.HasPrefix(inner, "v1:") && !strings.HasPrefix(inner, "v2:") {
		if host, port, err := net.SplitHostPort(m); err == nil {
			return []string{net.JoinHostPort(host, port)}
		}
		host := strings.Trim(m, "[]")
		return []string{net.JoinHostPort(host, "3300"), net.JoinHostPort(host, "6789")}
	}
	var addresses []string
	for _, a := range strings.Split(inner, ",") {
		version, address, _ := strings.Cut(a, ":")
		if version != "v1" && version != "v2" {
			return nil
		}
		address, _, _ = strings.Cut(address, "/") // a nonce
		addresses = append(addresses, address)
	}
	return addresses
}

// validKey reports whether a cephx secret has its form: kind (2 bytes), time (8), length (2) and as many bytes of key, in base64.
func validKey(key string) bool {
	b, err := base64.StdEncoding.DecodeString(key)
	return err == nil && len(b) > 12 && int(binary.LittleEndian.Uint16(b[10:])) == len(b)-12
}
