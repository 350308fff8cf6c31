package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/secretfile"
)

const (
	clientID     = "gelato"
	dialLimit    = 5 * time.Second
	requestLimit = 10 * time.Second
	silenceLimit = 30 * time.Second // of a connection on which kafka-go sets no limit of its own
)

// network reaches the brokers.
type network struct {
	brokers []string
	tls     *tls.Config
	sasl    sasl.Mechanism
}

// network reads the files that the address names.
func (a *address) network() (network, error) {
	n := network{brokers: a.brokers}
	if a.tls {
		n.tls = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: a.serverName}
		if a.caFile != "" {
			pem, err := os.ReadFile(a.caFile)
			if err != nil {
				return n, errs.New(errs.InvalidArgument, "the queue's ca-file cannot be read", err)
			}
			n.tls.RootCAs = x509.NewCertPool()
			if !n.tls.RootCAs.AppendCertsFromPEM(pem) {
				return n, invalid("the queue's ca-file holds no certificate")
			}
		}
		if a.certFile != "" {
			key, err := secretfile.Read(a.keyFile, "queue's key", maxSecret)
			if err != nil {
				return n, err
			}
			cert, err := os.ReadFile(a.certFile)
			if err != nil {
				return n, errs.New(errs.InvalidArgument, "the queue's cert-file cannot be read", err)
			}
			pair, err := tls.X509KeyPair(cert, key)
			if err != nil {
				return n, errs.New(errs.InvalidArgument, "the queue's cert-file and key-file cannot be used", err)
			}
			n.tls.Certificates = []tls.Certificate{pair}
		}
	}
	if a.mechanism == "" {
		return n, nil
	}
	password, err := a.password()
	if err != nil {
		return n, err
	}
	switch a.mechanism {
	case "plain":
		n.sasl = plainMechanism(func() plain.Mechanism { return plain.Mechanism{Username: a.user, Password: password} })
	case "scram-sha-256":
		n.sasl, err = scram.Mechanism(scram.SHA256, a.user, password)
	case "scram-sha-512":
		n.sasl, err = scram.Mechanism(scram.SHA512, a.user, password)
	}
	if err != nil { // its text may hold what it could not prepare
		return n, invalid("the queue's user or password cannot be used with %s", a.mechanism)
	}
	return n, nil
}

// plainMechanism hides the password from whoever logs it.
type plainMechanism func() plain.Mechanism

func (m plainMechanism) Name() string { return m().Name() }

func (m plainMechanism) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	return m().Start(ctx)
}

// transport makes the connections for one topic. It asks for the layout of that topic only, so it can ask often: a topic
// just made, a new leader or more partitions are seen within a second.
func (n network) transport(ctx context.Context, topic string) *kafka.Transport {
	return &kafka.Transport{
		Dial: dial, DialTimeout: dialLimit, ClientID: clientID, TLS: n.tls, SASL: n.sasl, Context: ctx,
		MetadataTTL: time.Second, MetadataTopics: []string{topic},
	}
}

func (n network) addr() net.Addr { return kafka.TCP(strings.Join(n.brokers, ",")) }

// dialer makes the connections of a group member.
func (n network) dialer(l *lines) *kafka.Dialer {
	return &kafka.Dialer{DialFunc: l.dial, Timeout: dialLimit, ClientID: clientID, TLS: n.tls, SASLMechanism: n.sasl}
}

func dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	limited := &line{Conn: c}
	return limited, limited.SetDeadline(time.Time{})
}

// line is a connection on which no request lasts for ever: kafka-go logs in without a time limit.
type line struct {
	net.Conn
	closed func()
}

func limit(t time.Time) time.Time {
	if t.IsZero() {
		return time.Now().Add(silenceLimit)
	}
	return t
}

func (c *line) SetDeadline(t time.Time) error      { return c.Conn.SetDeadline(limit(t)) }
func (c *line) SetReadDeadline(t time.Time) error  { return c.Conn.SetReadDeadline(limit(t)) }
func (c *line) SetWriteDeadline(t time.Time) error { return c.Conn.SetWriteDeadline(limit(t)) }

func (c *line) Close() error {
	if c.closed != nil {
		c.closed()
	}
	return c.Conn.Close()
}

// lines are the connections of one group member, which can be cut: kafka-go's groups cannot be told to stop waiting.
type lines struct {
	mu   sync.Mutex
	open map[*line]struct{}
	cut  bool
}

func (l *lines) dial(ctx context.Context, network, address string) (net.Conn, error) {
	made, err := dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := made.(*line)
	c.closed = func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.open, c)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		_ = c.Conn.Close()
		return nil, net.ErrClosed
	}
	if l.open == nil {
		l.open = map[*line]struct{}{}
	}
	l.open[c] = struct{}{}
	return c, nil
}

// sever ends all connections and refuses new ones.
func (l *lines) sever() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	for c := range l.open {
		_ = c.Conn.Close()
	}
}
