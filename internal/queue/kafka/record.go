package kafka

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/opensds/gelato/internal/queue"
)

// The headers of messages that were delivered in vain. Unknown headers are left alone.
const (
	headerGroup      = "gelato-group"      // the only group that the message is for
	headerDeliveries = "gelato-deliveries" // times that it was delivered in vain
	headerFailures   = "gelato-failures"   // of these, times that counted as an attempt
)

// The headers of messages that were set aside, besides.
const (
	headerReason    = "gelato-reason"
	headerTopic     = "gelato-topic"
	headerPartition = "gelato-partition"
	headerOffset    = "gelato-offset"
	headerSize      = "gelato-size" // bytes of key and value
)

// delivery is a message in hand.
type delivery struct {
	queue.Message
	group      string // the only one that it is for; "" for all
	deliveries int    // in vain, before this one
	failures   int

	ledger *ledger
	offset int64
	size   int    // bytes of key and value
	unfit  string // why it cannot be handled; "" if it can
}

func (d *delivery) headers(group string) []kafka.Header {
	return []kafka.Header{
		{Key: headerGroup, Value: []byte(group)},
		{Key: headerDeliveries, Value: []byte(strconv.Itoa(d.deliveries))},
		{Key: headerFailures, Value: []byte(strconv.Itoa(d.failures))},
	}
}

// decode copies a record out of a response. A value beyond limit is left out.
func decode(r *kafka.Record, limit int) (*delivery, error) {
	d := &delivery{offset: r.Offset}
	for _, b := range []protocol.Bytes{r.Key, r.Value} {
		if b != nil {
			defer b.Close()
			d.size += b.Len()
		}
	}
	if err := d.readHeaders(r.Headers); err != nil {
		d.unfit = err.Error()
	}
	if d.size > limit {
		d.unfit = fmt.Sprintf("the message has %d bytes, more than %d", d.size, limit)
		return d, nil
	}
	key, err := protocol.ReadAll(r.Key)
	if err != nil {
		return nil, err
	}
	d.Key = string(key)
	d.Value, err = protocol.ReadAll(r.Value)
	return d, err
}

func (d *delivery) readHeaders(headers []kafka.Header) error {
	for _, h := range headers {
		var count *int
		switch h.Key {
		case headerGroup:
			d.group = string(h.Value)
		case headerDeliveries:
			count = &d.deliveries
		case headerFailures:
			count = &d.failures
		}
		if count == nil {
			continue
		}
		n, err := strconv.ParseUint(string(h.Value), 10, 31)
		if err != nil {
			return errors.New("the header " + h.Key + " is not a number")
		}
		*count = int(n)
	}
	return nil
}

// record is a message on its way to Kafka. Records are read once by kafka-go, so they are made anew for each try.
type record struct {
	queue.Message
	headers []kafka.Header
}

func (r *record) size() int {
	n := len(r.Key) + len(r.Value) + 64
	for _, h := range r.headers {
		n += len(h.Key) + len(h.Value) + 8
	}
	return n
}

func (r *record) encode() kafka.Record {
	out := kafka.Record{Value: kafka.NewBytes(r.Value), Headers: r.headers}
	if r.Key != "" {
		out.Key = kafka.NewBytes([]byte(r.Key))
	}
	return out
}
