package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/trouble"
)

// errPanic is what a handler that panicked counts as.
var errPanic = errors.New("the handler panicked")

// reasonBytes bounds what a dead message says about why.
const reasonBytes = 1000

// deal handles messages until ctx ends.
func (m *member) deal(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case d := <-m.work:
			m.deliver(ctx, d)
		}
	}
}

// deliver calls the handler and sees to what follows from its answer.
func (m *member) deliver(ctx context.Context, d *delivery) {
	if d.unfit != "" {
		m.setAside(ctx, d, d.unfit, nil)
		return
	}
	err := m.call(ctx, d)
	if err == nil {
		d.ledger.finish(d.offset)
		m.ended(outcomeDone)
		return
	}
	if ctx.Err() != nil {
		return // this member leaves: the next one reads it again
	}
	d.deliveries++
	if !errs.Retryable(err) && !errs.Is(err, errs.Canceled) {
		d.failures++
	}
	switch {
	case errors.Is(err, errPanic):
		m.setAside(ctx, d, errPanic.Error(), err)
	case errs.Is(err, errs.InvalidArgument):
		m.setAside(ctx, d, errs.Public(err), err)
	case d.failures >= m.q.o.MaxAttempts:
		m.setAside(ctx, d, fmt.Sprintf("%d attempts failed, the last one with %s: %s", d.failures, errs.CodeOf(err), errs.Public(err)), err)
	default:
		m.again(ctx, d, err)
	}
}

func (m *member) call(ctx context.Context, d *delivery) (err error) {
	running := m.q.metrics.running.WithLabelValues(m.topicName, m.groupName)
	running.Inc()
	defer running.Dec()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v\n%s", errPanic, p, debug.Stack())
		}
	}()
	return m.handle(ctx, d.Message)
}

func (m *member) ended(outcome string) {
	m.q.metrics.handled.WithLabelValues(m.topicName, m.groupName, outcome).Inc()
}

// again publishes the message once more after a while, for any member of this group.
func (m *member) again(ctx context.Context, d *delivery, cause error) {
	wait := m.backoff(d.deliveries)
	m.log.DebugContext(ctx, "a message is delivered again later", "partition", d.ledger.partition, "offset", d.offset, "deliveries", d.deliveries, "wait", wait, "err", cause)
	m.later(ctx, d, wait, outcomeAgain, m.topic, record{Message: d.Message, headers: d.headers(m.group)})
}

// setAside publishes the message to the dead topic, with the reason. An over-long one goes without its value.
func (m *member) setAside(ctx context.Context, d *delivery, reason string, cause error) {
	m.log.ErrorContext(ctx, "a message is set aside", "partition", d.ledger.partition, "offset", d.offset, "reason", reason, "err", cause)
	headers := append(d.headers(m.group),
		kafka.Header{Key: headerReason, Value: []byte(reason[:min(len(reason), reasonBytes)])},
		kafka.Header{Key: headerTopic, Value: []byte(m.topic.name)},
		kafka.Header{Key: headerPartition, Value: []byte(strconv.Itoa(d.ledger.partition))},
		kafka.Header{Key: headerOffset, Value: []byte(strconv.FormatInt(d.offset, 10))},
		kafka.Header{Key: headerSize, Value: []byte(strconv.Itoa(d.size))},
	)
	m.later(ctx, d, 0, outcomeAside, m.topic.dead(), record{Message: d.Message, headers: headers})
}

// later publishes r to t after a wait, as often as it takes; then d is dealt with. It blocks while too many wait already. Nothing
// is lost when ctx ends or the partition moves first: d is not committed then.
func (m *member) later(ctx context.Context, d *delivery, wait time.Duration, outcome string, t *topic, r record) {
	select {
	case m.slots <- struct{}{}:
	case <-ctx.Done():
		return
	}
	waiting := m.q.metrics.waiting.WithLabelValues(m.topicName, m.groupName)
	waiting.Inc()
	m.waiting.Go(func() {
		defer func() { <-m.slots; waiting.Dec() }()
		for failures := 0; trouble.Sleep(ctx, wait) && !d.ledger.isLost(); wait = m.backoff(failures) {
			err := t.publish(ctx, []record{r})
			if err == nil {
				d.ledger.finish(d.offset)
				m.ended(outcome)
				return
			}
			if errs.Is(err, errs.InvalidArgument) && len(r.Value) > 0 { // the topic has a lower limit: its maker's choice
				m.log.LogAttrs(ctx, slog.LevelError, "a message is too large to be published again: its value is dropped", slog.Int64("offset", d.offset), slog.Any("err", err))
				r.Value, r.Key = nil, ""
			}
			m.trouble(ctx, "republish", &failures, err)
		}
	})
}

// backoff is the wait before the n-th repetition, with up to a quarter taken off so that failures do not march in step.
func (m *member) backoff(n int) time.Duration {
	d := m.q.o.MaxBackoff
	if shift := max(n-1, 0); shift < 20 {
		d = min(d, m.q.o.MinBackoff<<shift)
	}
	return d - rand.N(d/4+1)
}
