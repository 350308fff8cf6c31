package kafka

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/queue"
	"github.com/opensds/gelato/internal/trouble"
)

const (
	firstWait = 20 * time.Millisecond // before a publish is tried again; doubles
	lastWait  = time.Second
	sendLimit = 4 // requests of one call under way
)

// Publish implements queue.Queue. The messages of a failed call may have been published, all or some.
func (q *Queue) Publish(ctx context.Context, name string, messages ...queue.Message) error {
	if err := q.checkName("topic", name); err != nil {
		return err
	}
	records := make([]record, len(messages))
	for i, m := range messages {
		if n := len(m.Key) + len(m.Value); n > q.o.MaxMessageBytes {
			return invalid("a message has %d bytes, more than %d", n, q.o.MaxMessageBytes)
		}
		m.Value = bytes.Clone(m.Value) // kafka-go may still be sending it when this call has been given up
		records[i].Message = m
	}
	bound, end, err := q.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	err = q.topic(name).publish(bound, records)
	q.metrics.publish(name, len(messages), err)
	return err
}

func (q *Queue) checkName(what, name string) error {
	if !legalName.MatchString(name) || !legalName.MatchString(q.o.Prefix+name) {
		return invalid("a %s's name is not 1 to 200 letters, digits, '.', '_' and '-'", what)
	}
	return nil
}

// publish tries until all records are acknowledged, ctx ends, or PublishTimeout has passed.
func (t *topic) publish(ctx context.Context, left []record) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	limited, cancel := context.WithTimeout(ctx, t.q.o.PublishTimeout)
	defer cancel()
	var last error
	for wait := firstWait; len(left) > 0; wait = min(2*wait, lastWait) {
		var err error
		if left, err = t.send(limited, left); err != nil && (last == nil || limited.Err() == nil) {
			last = err
		}
		if refused := refusal(err); refused != nil {
			return refused
		}
		if len(left) > 0 && !trouble.Sleep(limited, wait) {
			if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.DeadlineExceeded) {
				return cause
			}
			return errs.New(errs.Unavailable, "the queue's broker does not answer", last)
		}
	}
	return nil
}

// send makes one try and returns what is left to be sent, with the last error.
func (t *topic) send(ctx context.Context, records []record) (left []record, last error) {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	ids, err := t.layout(ctx)
	if err != nil {
		return records, err
	}
	byPartition := make(map[int][]record)
	for _, r := range records {
		p := t.choose(&r, ids)
		byPartition[p] = append(byPartition[p], r)
	}
	var mu sync.Mutex
	var sends errgroup.Group
	sends.SetLimit(sendLimit)
	for p, records := range byPartition {
		sends.Go(func() error {
			for len(records) > 0 {
				n := t.fit(records)
				if err := t.produce(ctx, p, records[:n]); err != nil {
					mu.Lock()
					defer mu.Unlock()
					left, last = append(left, records...), err
					return nil
				}
				records = records[n:]
			}
			return nil
		})
	}
	_ = sends.Wait()
	return left, last
}

// choose picks a partition: by the key as Java clients do, else the next one.
func (t *topic) choose(r *record, ids []int) int {
	if r.Key == "" {
		return ids[int(t.turn.Add(1)%uint32(len(ids)))]
	}
	return kafka.Murmur2Balancer{}.Balance(kafka.Message{Key: []byte(r.Key)}, ids...)
}

// fit returns how many of the records go into one request: those within the topic's limit for a batch, one at least.
func (t *topic) fit(records []record) int {
	n, size := 1, records[0].size()
	for n < len(records) && size+records[n].size() <= t.q.o.MaxMessageBytes {
		size += records[n].size()
		n++
	}
	return n
}

func (t *topic) produce(ctx context.Context, partition int, records []record) error {
	encoded := make([]kafka.Record, len(records))
	for i := range records {
		encoded[i] = records[i].encode()
	}
	res, err := t.client.Produce(ctx, &kafka.ProduceRequest{
		Topic: t.name, Partition: partition, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(encoded...),
	})
	if err != nil {
		return err
	}
	return res.Error
}
