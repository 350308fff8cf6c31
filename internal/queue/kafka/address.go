package kafka

import (
	"errors"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/secretfile"
)

const scheme = "kafka://"

// address is what a queue URL says about how to reach Kafka.
type address struct {
	brokers                               []string
	tls                                   bool
	caFile, certFile, keyFile, serverName string
	mechanism, user, passwordFile         string
}

// parse reads a queue URL, and puts what it says about topics into o. Errors never repeat values, which may be secrets in the wrong place.
func parse(raw string, o *Options) (address, error) {
	var a address
	rest, ok := strings.CutPrefix(raw, scheme)
	if !ok {
		return a, invalid("the queue's URL does not begin with %s", scheme)
	}
	hosts, query, _ := strings.Cut(rest, "?")
	if strings.ContainsAny(hosts, "@") {
		return a, invalid("the queue's URL holds credentials: use its options user and password-file")
	}
	for host := range strings.SplitSeq(strings.TrimSuffix(hosts, "/"), ",") {
		broker, err := hostPort(host)
		if err != nil {
			return a, err
		}
		a.brokers = append(a.brokers, broker)
	}
	options, err := url.ParseQuery(query)
	if err != nil {
		return a, invalid("the options of the queue's URL cannot be parsed")
	}
	var problems []error
	for name, values := range options {
		if len(values) != 1 || values[0] == "" {
			problems = append(problems, invalid("the option %q of the queue's URL has no value, or several", name))
		} else if err := a.set(name, values[0], o); err != nil {
			problems = append(problems, err)
		}
	}
	problems = append(problems, a.validate())
	if err := errors.Join(problems...); err != nil {
		return a, errs.New(errs.InvalidArgument, strings.ReplaceAll(err.Error(), "\n", "; "), nil)
	}
	return a, nil
}

// hostPort checks one "host[:port]" and completes it.
func hostPort(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		host, port, err = net.SplitHostPort(s + ":9092")
	}
	n, bad := strconv.ParseUint(port, 10, 16)
	if err != nil || bad != nil || n == 0 || host == "" || strings.ContainsAny(host, "/?# \t\r\n") {
		return "", invalid("the queue's URL names no brokers as host:port[,host:port...]")
	}
	return net.JoinHostPort(host, port), nil
}

// set takes one option.
func (a *address) set(name, value string, o *Options) error {
	var err error
	switch name {
	case "tls":
		a.tls, err = strconv.ParseBool(value)
	case "ca-file":
		a.caFile = value
	case "cert-file":
		a.certFile = value
	case "key-file":
		a.keyFile = value
	case "server-name":
		a.serverName = value
	case "sasl":
		a.mechanism = value
	case "user":
		a.user = value
	case "password-file":
		a.passwordFile = value
	case "prefix":
		o.Prefix = value
	case "partitions":
		o.Partitions, err = strconv.Atoi(value)
	case "replication":
		o.Replication, err = strconv.Atoi(value)
	case "retention":
		o.Retention, err = time.ParseDuration(value)
	default:
		return invalid("the queue's URL has the unknown option %q", name)
	}
	if err != nil {
		return invalid("the option %q of the queue's URL has a bad value", name)
	}
	return nil
}

// validate looks at what only makes sense together.
func (a *address) validate() error {
	var problems []error
	add := func(bad bool, text string) {
		if bad {
			problems = append(problems, invalid("%s", text))
		}
	}
	add((a.certFile == "") != (a.keyFile == ""), "cert-file and key-file of the queue's URL go together")
	if a.caFile+a.certFile+a.serverName != "" {
		a.tls = true
	}
	add(a.mechanism != "" && !slices.Contains([]string{"plain", "scram-sha-256", "scram-sha-512"}, a.mechanism), "sasl in the queue's URL is not plain, scram-sha-256 or scram-sha-512")
	add((a.mechanism == "") != (a.user == "") || (a.user == "") != (a.passwordFile == ""), "sasl, user and password-file of the queue's URL go together")
	add(a.mechanism == "plain" && !a.tls && slices.ContainsFunc(a.brokers, func(b string) bool { return !loopback(b) }),
		"sasl=plain in the queue's URL needs tls=true, as it sends the password in clear")
	return errors.Join(problems...)
}

// maxSecret bounds files of passwords and keys.
const maxSecret = 1 << 20

// password reads the first line of the password file, which must be as secretfile wants it.
func (a *address) password() (string, error) {
	b, err := secretfile.Read(a.passwordFile, "queue's password", maxSecret)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", invalid("the queue's password-file is empty")
	}
	return line, nil
}

// loopback reports whether a broker is this machine.
func loopback(broker string) bool {
	host, _, _ := net.SplitHostPort(broker)
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// validate refuses what cannot work.
func (o *Options) validate() error {
	for _, x := range []struct {
		ok   bool
		what string
	}{
		{o.Partitions >= 1 && o.Partitions <= 1000, "partitions is not 1 to 1000"},
		{o.Replication == -1 || o.Replication >= 1 && o.Replication <= 100, "replication is not 1 to 100"},
		{o.Retention >= time.Minute && o.DeadRetention >= time.Minute, "a retention is under a minute"},
		{o.Prefix == "" || legalName.MatchString(o.Prefix), "prefix has characters other than letters, digits, '.', '_' and '-'"},
		{o.MaxMessageBytes >= 1 && o.MaxMessageBytes <= 64<<20, "the message limit is not 1 byte to 64 MiB"},
		{o.MaxAttempts >= 1 && o.Window >= 1 && o.FetchBytes >= 1, "a limit is under 1"},
		{o.MinBackoff > 0 && o.MaxBackoff >= o.MinBackoff && o.PublishTimeout > 0 && o.SessionTimeout >= time.Second, "a duration is too short"},
	} {
		if !x.ok {
			return invalid("of the queue's options, %s", x.what)
		}
	}
	return nil
}

// legalName is what Kafka allows in names of topics.
var legalName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,200}$`)

func invalid(format string, args ...any) error {
	return errs.Newf(errs.InvalidArgument, format, args...)
}
