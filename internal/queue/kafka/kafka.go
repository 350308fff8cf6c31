// Package kafka is the queue over Apache Kafka (2.4 or newer, 4.x included), with segmentio/kafka-go. Only cmd and tests open one;
// everything else sees queue.Queue. These are its decisions:
//
// Publishing waits for all in-sync replicas (kafka-go's zero value waits for none) and repeats what may pass, new topics and elections
// included, until the caller's deadline or PublishTimeout; then the error is Unavailable. kafka-go has no idempotent producer, so a repeated
// request may double a message: the queue promises at least once anyway. There is no lingering: one call sends one request per partition,
// at once, and nothing of a call that has returned stays in memory. A message with a key goes to the partition that Java clients would
// choose; one without goes round, and past partitions without a leader.
//
// Topics are made on first use, with Options' partitions, replication and retention; one that exists is used as it is. A topic that
// vanishes is made again.
//
// Consuming: each Subscribe is one group member of its own (eager protocol). Partitions are read one response at a time, so what waits in
// memory is bounded by partitions times Options.FetchBytes. All partitions feed the same handlers, therefore a slow handler takes one of
// the subscription's hands and nothing else; heartbeats go on beside it. An offset is committed once its message and all before it in the
// partition are dealt with; of those at most Options.Window may be unfinished, then the partition waits.
//
// Rebalances cancel no handler. A partition that stays with its member goes on where it was, without delivering again what is in hand; one that moved
// is read again by its new member from the last commit, so messages in hand there come twice, and what their handlers return here
// counts for nothing. Whoever must not do work twice takes a lease before he acknowledges, as the datamover does.
//
// Failures: an error other than Unavailable, ResourceExhausted, DeadlineExceeded and Canceled counts as an attempt. The message waits in memory, not
// in the way of others, then is published to its topic again with its counts in headers, and only then counts as dealt with. So any member
// may have it next, the partition moves on, and a member that dies in between costs one count at most. The copy names its group; the
// other groups of the topic pass over it. After Options.MaxAttempts, or at once for errs.InvalidArgument ("can never succeed as it is"),
// a panic, a header of ours that cannot be read, or more than MaxMessageBytes, the message is set aside: published to <topic>.dead with the
// reason, where it came from and its value (without the value if that is too long). Reasons are public messages only, as topics are readable to operators.
// A batch that kafka-go cannot decode at all stops its partition, loudly: it is never passed over.
//
// Broker away: Open needs no broker. Publish fails with Unavailable within its deadline; Subscribe goes on by itself when the broker is back.
//
// Security: TLS 1.2 or newer from files, SASL PLAIN (only under TLS, or to this machine) or SCRAM with the password from a file. Secrets
// have no place in the URL, in errors or in logs.
package kafka

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/queue"
)

// Options of Open; the zero value has the defaults. Options of the URL come first.
type Options struct {
	Logger     *slog.Logger
	Registerer prometheus.Registerer // of the metrics gelato_queue_*; nil for none

	Prefix        string        // before the names of all topics and groups, for installations that share a cluster; default none
	Partitions    int           // of topics that are made; default 12
	Replication   int           // of topics that are made; default the broker's own
	Retention     time.Duration // of topics that are made; default 24 hours
	DeadRetention time.Duration // of the topics for what is set aside; default 7 days

	MaxMessageBytes int           // key and value of one message; default 1 MiB
	PublishTimeout  time.Duration // at most, for callers without a deadline; default 30 s
	MaxAttempts     int           // failed deliveries until a message is set aside; default 10
	MinBackoff      time.Duration // before the first redelivery; doubles with each; default 100 ms
	MaxBackoff      time.Duration // default 30 s
	SessionTimeout  time.Duration // of silence until a member counts as dead; default 10 s
	FetchBytes      int           // read ahead per partition; at least one message comes always; default 256 KiB
	Window          int           // messages of a partition from the first unfinished one to the last one handed out; default 1,000
}

func (o *Options) setDefaults() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	for _, x := range []struct {
		v        *int
		default_ int
	}{{&o.Partitions, 12}, {&o.Replication, -1}, {&o.MaxMessageBytes, 1 << 20}, {&o.MaxAttempts, 10}, {&o.FetchBytes, 256 << 10}, {&o.Window, 1000}} {
		if *x.v == 0 {
			*x.v = x.default_
		}
	}
	for _, x := range []struct {
		v        *time.Duration
		default_ time.Duration
	}{
		{&o.Retention, 24 * time.Hour}, {&o.DeadRetention, 7 * 24 * time.Hour}, {&o.PublishTimeout, 30 * time.Second},
		{&o.MinBackoff, 100 * time.Millisecond}, {&o.MaxBackoff, 30 * time.Second}, {&o.SessionTimeout, 10 * time.Second},
	} {
		if *x.v == 0 {
			*x.v = x.default_
		}
	}
}

// Queue implements queue.Queue.
type Queue struct {
	o       Options
	log     *slog.Logger
	net     network
	metrics *metrics

	ctx   context.Context // ends with Close; bounds what runs in the background
	close context.CancelFunc

	mu     sync.Mutex
	closed bool
	topics map[string]*topic // by their name in Kafka
	calls  sync.WaitGroup    // of Publish and Subscribe
}

var _ queue.Queue = (*Queue)(nil)

// Open prepares the queue at url, "kafka://host:port[,host:port...][?option=value&...]"; the port may be left out (9092). It does not
// connect: the broker may come later. A URL, option or file that cannot be used is InvalidArgument. The options:
//
//	tls=true                 use TLS; implied by the next four
//	ca-file=FILE             PEM certificates to trust instead of the system's
//	cert-file=F, key-file=F  PEM certificate and key to show
//	server-name=NAME         to expect in the server's certificate, instead of its host name
//	sasl=MECHANISM           plain, scram-sha-256 or scram-sha-512, with
//	user=NAME                and
//	password-file=FILE       whose first line is the password
//	prefix=P, partitions=N, replication=N, retention=DURATION   as in Options
func Open(_ context.Context, url string, o Options) (*Queue, error) {
	address, err := parse(url, &o)
	if err != nil {
		return nil, err
	}
	o.setDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	n, err := address.network()
	if err != nil {
		return nil, err
	}
	q := &Queue{o: o, log: o.Logger, net: n, topics: map[string]*topic{}}
	q.ctx, q.close = context.WithCancel(context.Background())
	if q.metrics, err = newMetrics(o.Registerer); err != nil {
		q.close()
		return nil, errs.New(errs.Internal, "the queue's metrics cannot be registered", err)
	}
	return q, nil
}

// begin counts a call. Its context ends when the queue is closed; end must be called.
func (q *Queue) begin(ctx context.Context) (_ context.Context, end func(), err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, nil, closedError()
	}
	q.calls.Add(1)
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(q.ctx, func() { cancel(closedError()) })
	return ctx, func() { stop(); cancel(nil); q.calls.Done() }, nil
}

// Close implements queue.Queue. It waits for the handlers that run.
func (q *Queue) Close() error {
	q.mu.Lock()
	first := !q.closed
	q.closed = true
	q.mu.Unlock()
	q.close()
	q.calls.Wait()
	if first {
		for _, t := range q.topics {
			t.transport.CloseIdleConnections()
		}
		q.metrics.unregister()
	}
	return nil
}

func closedError() error { return errs.Newf(errs.Unavailable, "the queue is closed") }
