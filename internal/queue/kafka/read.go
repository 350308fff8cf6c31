package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/opensds/gelato/internal/trouble"
)

const (
	fetchWait      = time.Second // that the broker holds a request when there is nothing
	firstFetchWait = 50 * time.Millisecond
	lastFetchWait  = 2 * time.Second
)

// read hands out the messages of a partition until ctx ends. It holds one response at a time, until all of it is in some handler's hands.
func (m *member) read(ctx context.Context, l *ledger) {
	failures := 0
	wait := firstFetchWait
	for ctx.Err() == nil {
		deliveries, err := m.fetch(ctx, l)
		switch {
		case errors.Is(err, kafka.OffsetOutOfRange):
			var first int64
			if first, err = m.first(ctx, l.partition); err == nil {
				m.log.WarnContext(ctx, "a partition lost messages that were not read: it goes on with its first one", "partition", l.partition, "wanted", l.position(), "first", first)
				l = m.renew(l, first)
				continue
			}
			fallthrough
		case err != nil:
			m.trouble(ctx, "fetch", &failures, err)
			trouble.Sleep(ctx, wait)
			wait = min(2*wait, lastFetchWait)
			continue
		}
		failures, wait = 0, firstFetchWait
		if !m.handOut(ctx, l, deliveries) {
			return
		}
	}
}

// handOut reports whether all were handed out before ctx ended.
func (m *member) handOut(ctx context.Context, l *ledger, deliveries []*delivery) bool {
	for i, d := range deliveries {
		deliveries[i] = nil // the handler is to be the last to hold it
		d.ledger = l
		if !l.begin(ctx, d.offset) {
			return false
		}
		if d.group != "" && d.group != m.group { // another group's redelivery
			l.finish(d.offset)
			continue
		}
		select {
		case m.work <- d:
		case <-ctx.Done():
			l.giveBack(d.offset)
			return false
		}
	}
	return true
}

// fetch gets what comes next in a partition; nothing, if nothing came for a while.
func (m *member) fetch(ctx context.Context, l *ledger) ([]*delivery, error) {
	if l.position() < 0 {
		first, err := m.first(ctx, l.partition)
		if err != nil {
			return nil, err
		}
		l.skipTo(first)
	}
	from := l.position()
	call, cancel := context.WithTimeout(ctx, fetchWait+requestLimit)
	defer cancel()
	res, err := m.topic.client.Fetch(call, &kafka.FetchRequest{
		Topic: m.topic.name, Partition: l.partition, Offset: from, MinBytes: 1, MaxBytes: int64(m.q.o.FetchBytes), MaxWait: fetchWait,
	})
	if err != nil {
		return nil, err
	}
	if res.Error != nil {
		return nil, res.Error
	}
	l.setHigh(res.HighWatermark)
	deliveries, next, err := m.unpack(res.Records, from)
	if err != nil {
		return nil, fmt.Errorf("decode messages from offset %d of partition %d: %w", from, l.partition, err)
	}
	if len(deliveries) == 0 {
		l.skipTo(next)
	}
	return deliveries, nil
}

// unpack copies the messages out of a response, without those before from, which is where the batch of the first one may begin. next is
// behind all records, markers of transactions included.
func (m *member) unpack(records kafka.RecordReader, from int64) (deliveries []*delivery, next int64, err error) {
	batches := []protocol.RecordReader{records}
	if stream, ok := records.(*protocol.RecordStream); ok {
		batches = stream.Records
	}
	next = from
	for _, b := range batches {
		_, control := b.(*protocol.ControlBatch)
		for {
			r, err := b.ReadRecord()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, 0, err
			}
			d, err := decode(r, m.q.o.MaxMessageBytes)
			if err != nil {
				return nil, 0, err
			}
			next = max(next, r.Offset+1)
			if !control && r.Offset >= from {
				deliveries = append(deliveries, d)
			}
		}
	}
	return deliveries, next, nil
}

// first returns the first offset of a partition.
func (m *member) first(ctx context.Context, partition int) (int64, error) {
	call, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	res, err := m.topic.client.ListOffsets(call, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{m.topic.name: {kafka.FirstOffsetOf(partition)}}})
	if err != nil {
		return 0, err
	}
	for _, p := range res.Topics[m.topic.name] {
		if p.Partition == partition {
			return p.FirstOffset, p.Error
		}
	}
	return 0, kafka.UnknownTopicOrPartition
}
