package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/opensds/gelato/internal/errs"
)

// overhead is what a message may take in Kafka beyond its key and value: our headers and the framing of a batch.
const overhead = 16 << 10

// topic is one topic in Kafka, with connections of its own.
type topic struct {
	q          *Queue
	name       string
	partitions int // when it is made
	retention  time.Duration
	client     *kafka.Client
	transport  *kafka.Transport
	turn       atomic.Uint32
}

const deadSuffix = ".dead"

// topic returns the topic that callers call name, without asking Kafka.
func (q *Queue) topic(name string) *topic {
	return q.lookUp(q.o.Prefix+name, q.o.Partitions, q.o.Retention)
}

// dead returns the topic for what is set aside from t.
func (t *topic) dead() *topic { return t.q.lookUp(t.name+deadSuffix, 1, t.q.o.DeadRetention) }

func (q *Queue) lookUp(name string, partitions int, retention time.Duration) *topic {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.topics[name]
	if t == nil {
		transport := q.net.transport(q.ctx, name)
		t = &topic{
			q: q, name: name, partitions: partitions, retention: retention,
			client: &kafka.Client{Addr: q.net.addr(), Transport: transport}, transport: transport,
		}
		q.topics[name] = t
	}
	return t
}

// layout returns the partitions that have a leader, in order; it makes the topic if there is none. What it knows is a second
// old at most.
func (t *topic) layout(ctx context.Context) ([]int, error) {
	res, err := t.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{t.name}})
	if err != nil {
		return nil, err
	}
	if len(res.Topics) != 1 {
		return nil, fmt.Errorf("asked for one topic, got %d", len(res.Topics))
	}
	if err := res.Topics[0].Error; errors.Is(err, kafka.UnknownTopicOrPartition) {
		return nil, t.create(ctx)
	} else if err != nil {
		return nil, err
	}
	var ids []int
	for _, p := range res.Topics[0].Partitions {
		if p.Leader.Host != "" {
			ids = append(ids, p.ID)
		}
	}
	if len(ids) == 0 {
		return nil, kafka.LeaderNotAvailable
	}
	slices.Sort(ids)
	return ids, nil
}

// errAgain says that the topic was made: its layout will be known in a moment.
var errAgain = errors.New("the topic was just made")

// create makes the topic. It never returns nil.
func (t *topic) create(ctx context.Context) error {
	res, err := t.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
		Topic: t.name, NumPartitions: t.partitions, ReplicationFactor: t.q.o.Replication,
		ConfigEntries: []kafka.ConfigEntry{
			{ConfigName: "cleanup.policy", ConfigValue: "delete"},
			{ConfigName: "retention.ms", ConfigValue: strconv.FormatInt(t.retention.Milliseconds(), 10)},
			{ConfigName: "max.message.bytes", ConfigValue: strconv.Itoa(t.q.o.MaxMessageBytes + overhead)},
		},
	}}})
	if err != nil {
		return err
	}
	err = res.Errors[t.name]
	switch {
	case err == nil:
		t.q.log.InfoContext(ctx, "a topic was made", "topic", t.name, "partitions", t.partitions, "retention", t.retention)
		return errAgain
	case errors.Is(err, kafka.TopicAlreadyExists):
		return errAgain
	}
	return fmt.Errorf("make topic: %w", err)
}

// refusal returns the error to answer with when repeating a request is of no use, nil otherwise.
func refusal(err error) error {
	code, text := errs.Unknown, ""
	switch {
	case errors.Is(err, kafka.MessageSizeTooLarge), errors.Is(err, kafka.RecordListTooLarge):
		code, text = errs.InvalidArgument, "a message is larger than the topic allows"
	case errors.Is(err, kafka.InvalidTopic):
		code, text = errs.InvalidArgument, "Kafka does not allow the topic's name"
	case errors.Is(err, kafka.TopicAuthorizationFailed), errors.Is(err, kafka.ClusterAuthorizationFailed), errors.Is(err, kafka.GroupAuthorizationFailed):
		code, text = errs.PermissionDenied, "Kafka does not allow this user to use the topic"
	case errors.Is(err, kafka.SASLAuthenticationFailed), errors.Is(err, kafka.UnsupportedSASLMechanism):
		code, text = errs.Unauthenticated, "Kafka refuses the log-in"
	case errors.Is(err, kafka.InvalidReplicationFactor), errors.Is(err, kafka.InvalidPartitionNumber), errors.Is(err, kafka.PolicyViolation), errors.Is(err, kafka.InvalidConfiguration):
		code, text = errs.FailedPrecondition, "Kafka refuses to make the topic"
	default:
		return nil
	}
	return errs.New(code, text, err)
}
