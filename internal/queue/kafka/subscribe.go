package kafka

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/opensds/gelato/internal/queue"
	"github.com/opensds/gelato/internal/trouble"
)

const (
	rejoinWait  = 500 * time.Millisecond // after a failure to join
	watchEvery  = 10 * time.Second       // for partitions that were added
	commitEvery = 50 * time.Millisecond  // at most as often
	leaveLimit  = 3 * time.Second        // for saying goodbye to the group
	maxWaiting  = 256                    // messages of a member that wait for redelivery
)

// member is one Subscribe call.
type member struct {
	q         *Queue
	log       *slog.Logger
	topic     *topic
	topicName string // as the caller says it
	groupName string
	group     string // in Kafka
	handle    queue.Handler

	work     chan *delivery
	slots    chan struct{}  // of messages that wait for redelivery
	waiting  sync.WaitGroup // for them
	progress chan struct{}  // says that there is something to commit
	rejoin   chan struct{}  // says that the topic is new since the group shared it out

	mu      sync.Mutex
	ledgers map[int]*ledger // of the partitions that are assigned, or were a moment ago
}

// Subscribe implements queue.Queue.
func (q *Queue) Subscribe(ctx context.Context, topic, group string, concurrency int, handle queue.Handler) error {
	if err := q.checkName("topic", topic); err != nil {
		return err
	}
	if err := q.checkName("group", group); err != nil {
		return err
	}
	if concurrency < 1 || handle == nil {
		return invalid("a subscription needs a handler and a concurrency of at least 1")
	}
	ctx, end, err := q.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	m := &member{
		q: q, topic: q.topic(topic), topicName: topic, groupName: group, group: q.o.Prefix + group, handle: handle,
		log:  q.log.With("topic", topic, "group", group),
		work: make(chan *delivery), slots: make(chan struct{}, maxWaiting), progress: make(chan struct{}, 1), rejoin: make(chan struct{}, 1), ledgers: map[int]*ledger{},
	}
	q.metrics.enter(m)
	defer q.metrics.leave(m)
	return m.run(ctx, concurrency)
}

// run is a member of the group until ctx ends. It leaves the group after the last handler, so that what these did is committed.
func (m *member) run(ctx context.Context, concurrency int) error {
	if _, ok := m.awaitTopic(ctx); !ok {
		return nil
	}
	var l lines
	heartbeat := min(m.q.o.SessionTimeout/5, time.Second)
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: m.group, Brokers: m.q.net.brokers, Dialer: m.q.net.dialer(&l), Topics: []string{m.topic.name},
		HeartbeatInterval: heartbeat, SessionTimeout: m.q.o.SessionTimeout, RebalanceTimeout: m.q.o.SessionTimeout, JoinGroupBackoff: rejoinWait,
		WatchPartitionChanges: true, PartitionWatchInterval: watchEvery, StartOffset: kafka.FirstOffset,
	})
	if err != nil {
		return invalid("the subscription cannot be made: %v", err)
	}
	var workers sync.WaitGroup
	for range concurrency {
		workers.Go(func() { m.deal(ctx) })
	}
	m.stay(ctx, group)
	workers.Wait()
	m.waiting.Wait()
	late := time.AfterFunc(leaveLimit, l.sever)
	defer late.Stop()
	return group.Close()
}

// awaitTopic returns once the topic is there, and whether it had to be made; not ok if ctx ended first. A group that is joined before shares
// out nothing.
func (m *member) awaitTopic(ctx context.Context) (made, ok bool) {
	for failures := 0; ctx.Err() == nil; {
		_, err := m.topic.layout(ctx)
		switch {
		case err == nil:
			return made, true
		case errors.Is(err, errAgain):
			made = true
			trouble.Sleep(ctx, firstWait)
		default:
			m.trouble(ctx, "join", &failures, err)
			trouble.Sleep(ctx, rejoinWait)
		}
	}
	return made, false
}

// stay takes part in one generation of the group after the other, until ctx ends.
func (m *member) stay(ctx context.Context, group *kafka.ConsumerGroup) {
	failures := 0
	for {
		made, ok := m.awaitTopic(ctx)
		if !ok {
			return
		}
		if made {
			tell(m.rejoin)
		}
		generation, err := group.Next(ctx)
		if err != nil {
			m.trouble(ctx, "join", &failures, err)
			continue // the group waits by itself
		}
		failures = 0
		m.takePart(ctx, generation)
	}
}

// tell says something to whoever listens, unless that is said already.
func tell(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// routine says whether an error belongs to changes of the group or of leaders that pass within a second or two.
func routine(err error) bool {
	for _, e := range []kafka.Error{kafka.NotLeaderForPartition, kafka.LeaderNotAvailable, kafka.GroupCoordinatorNotAvailable, kafka.GroupLoadInProgress, kafka.NotCoordinatorForGroup,
		kafka.RebalanceInProgress, kafka.IllegalGeneration, kafka.UnknownMemberId} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// trouble reports a failed call to Kafka that is repeated: the first one of a run is a warning, or the tenth of what is routine.
func (m *member) trouble(ctx context.Context, call string, failures *int, err error) {
	if ctx.Err() != nil {
		return
	}
	*failures++
	level := slog.LevelDebug
	if *failures == 1 && !routine(err) || *failures == 10 {
		level = slog.LevelWarn
	}
	m.q.metrics.troubles.WithLabelValues(m.topicName, m.groupName, call).Inc()
	m.log.Log(ctx, level, "a call to Kafka failed and is repeated", "call", call, "failures", *failures, "err", err)
}

// takePart starts reading what this generation assigned. It goes on until the generation is over; ctx ends the reading only,
// while commits go on for the handlers that still run.
func (m *member) takePart(ctx context.Context, g *kafka.Generation) {
	m.q.metrics.rebalances.WithLabelValues(m.topicName, m.groupName).Inc()
	ledgers := m.assign(g.Assignments[m.topic.name])
	m.log.InfoContext(ctx, "joined the group", "generation", g.ID, "partitions", len(ledgers))
	g.Start(func(over context.Context) {
		reading, stop := context.WithCancel(ctx)
		var readers sync.WaitGroup
		for _, l := range ledgers {
			readers.Go(func() { m.read(reading, l) })
		}
		failures := 0
		for again := false; !again && over.Err() == nil; {
			select {
			case <-over.Done():
			case <-m.rejoin:
				again = true // to return ends the generation
			case <-m.progress:
				m.commit(ctx, g, &failures)
				trouble.Sleep(over, commitEvery)
			}
		}
		stop()
		readers.Wait()
		m.commit(ctx, g, &failures) // the last word before the partitions may move
	})
}

// assign returns the books of the partitions assigned now. A partition that this member had, and that is committed as far as it did that itself,
// keeps its books, so that messages in hand are not read again; the books of others end.
func (m *member) assign(assigned []kafka.PartitionAssignment) []*ledger {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.ledgers
	m.ledgers = make(map[int]*ledger, len(assigned))
	ledgers := make([]*ledger, 0, len(assigned))
	for _, a := range assigned {
		l := before[a.ID]
		if l == nil || !l.goesOn(a.Offset) {
			l = newLedger(a.ID, a.Offset, m.q.o.Window, m.progress)
		} else {
			delete(before, a.ID)
		}
		m.ledgers[a.ID] = l
		ledgers = append(ledgers, l)
	}
	for _, l := range before {
		l.lose()
	}
	return ledgers
}

// renew replaces the books of a partition that does not have what should be read next.
func (m *member) renew(old *ledger, offset int64) *ledger {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := newLedger(old.partition, offset, m.q.o.Window, m.progress)
	l.committed = -1
	if m.ledgers[old.partition] == old {
		m.ledgers[old.partition] = l
	}
	old.lose()
	return l
}

// books returns the books of all partitions that are assigned.
func (m *member) books() []*ledger {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]*ledger, 0, len(m.ledgers))
	for _, l := range m.ledgers {
		all = append(all, l)
	}
	return all
}

// commit tells the group how far this member got. Failures are repeated with the next progress, or don't matter any more.
func (m *member) commit(ctx context.Context, g *kafka.Generation, failures *int) {
	offsets := map[int]int64{}
	books := m.books()
	for _, l := range books {
		if offset, ok := l.due(); ok {
			offsets[l.partition] = offset
		}
	}
	if len(offsets) == 0 {
		return
	}
	if err := g.CommitOffsets(map[string]map[int]int64{m.topic.name: offsets}); err != nil {
		m.trouble(ctx, "commit", failures, err)
		tell(m.progress)
		return
	}
	*failures = 0
	for _, l := range books {
		if offset, ok := offsets[l.partition]; ok {
			l.commit(offset)
		}
	}
}
