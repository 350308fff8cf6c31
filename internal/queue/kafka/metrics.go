package kafka

import (
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/opensds/gelato/internal/errs"
)

// metrics are the figures of one Queue. It collects the lag of its members when it is asked.
type metrics struct {
	registerer prometheus.Registerer

	published, refused, handled, rebalances, troubles *prometheus.CounterVec
	running, waiting                                  *prometheus.GaugeVec
	lag                                               *prometheus.Desc

	mu      sync.Mutex
	members map[*member]struct{}
}

// What may become of a delivery.
const (
	outcomeDone  = "done"
	outcomeAgain = "again" // published again after a failure
	outcomeAside = "aside" // set aside
)

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gelato_queue_" + name, Help: help}, labels)
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "gelato_queue_" + name, Help: help}, []string{"topic", "group"})
	}
	m := &metrics{
		registerer: r, members: map[*member]struct{}{},
		published:  counter("published_total", "Messages that Kafka acknowledged.", "topic"),
		refused:    counter("publish_failures_total", "Publish calls that failed.", "topic", "code"),
		handled:    counter("deliveries_total", "Deliveries that came to an end, by outcome: done, again (published again after a failure), aside (set aside).", "topic", "group", "outcome"),
		rebalances: counter("rebalances_total", "Generations of the group that members here took part in.", "topic", "group"),
		troubles:   counter("troubles_total", "Failed calls to Kafka that are repeated, by what they were for: join, fetch, commit, republish.", "topic", "group", "call"),
		running:    gauge("handlers", "Handlers that run."),
		waiting:    gauge("redeliveries_waiting", "Messages that wait here to be published again or set aside."),
		lag:        prometheus.NewDesc("gelato_queue_lag", "Messages of the partitions assigned here that are not dealt with.", []string{"topic", "group", "partition"}, nil),
	}
	if r != nil {
		if err := r.Register(m); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) unregister() {
	if m.registerer != nil {
		m.registerer.Unregister(m)
	}
}

func (m *metrics) parts() []prometheus.Collector {
	return []prometheus.Collector{m.published, m.refused, m.handled, m.rebalances, m.troubles, m.running, m.waiting}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.parts() {
		c.Describe(ch)
	}
	ch <- m.lag
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.parts() {
		c.Collect(ch)
	}
	type place struct {
		topic, group string
		partition    int
	}
	lags := map[place]int64{} // two members of a group here may both believe to have a partition, for a moment
	m.mu.Lock()
	defer m.mu.Unlock()
	for member := range m.members {
		for _, l := range member.books() {
			lags[place{member.topicName, member.groupName, l.partition}] = l.lag()
		}
	}
	for p, lag := range lags {
		ch <- prometheus.MustNewConstMetric(m.lag, prometheus.GaugeValue, float64(lag), p.topic, p.group, strconv.Itoa(p.partition))
	}
}

func (m *metrics) enter(x *member) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.members[x] = struct{}{}
}

func (m *metrics) leave(x *member) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.members, x)
}

func (m *metrics) publish(topic string, n int, err error) {
	if err != nil {
		m.refused.WithLabelValues(topic, errs.CodeOf(err).String()).Inc()
		return
	}
	m.published.WithLabelValues(topic).Add(float64(n))
}
