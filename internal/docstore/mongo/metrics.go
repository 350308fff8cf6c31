package mongo

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.mongodb.org/mongo-driver/v2/event"

	"github.com/opensds/gelato/internal/errs"
)

// metrics count calls by method and outcome, and connections.
type metrics struct {
	calls       *prometheus.HistogramVec
	connections prometheus.Gauge
	up          prometheus.Gauge
	registerer  prometheus.Registerer
	registered  []prometheus.Collector
}

func newMetrics() *metrics {
	return &metrics{
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gelato_docstore_call_seconds", Help: "Time that calls to the state server took, by method and code of the outcome.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20},
		}, []string{"method", "code"}),
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Name: "gelato_docstore_connections", Help: "Connections to the state server."}),
		up:          prometheus.NewGauge(prometheus.GaugeOpts{Name: "gelato_docstore_up", Help: "1 while a state server that takes writes is known."}),
	}
}

func (m *metrics) register(r prometheus.Registerer) error {
	m.registerer = r
	for _, c := range []prometheus.Collector{m.calls, m.connections, m.up} {
		if err := r.Register(c); err != nil {
			return err
		}
		m.registered = append(m.registered, c)
	}
	return nil
}

func (m *metrics) unregister() {
	for _, c := range m.registered {
		m.registerer.Unregister(c)
	}
}

// took counts a call that began at start and ended with *err.
func (m *metrics) took(method string, start time.Time, err *error) {
	code := "ok"
	if *err != nil {
		code = errs.CodeOf(*err).String()
	}
	m.calls.WithLabelValues(method, code).Observe(time.Since(start).Seconds())
}

func (m *metrics) setUp(up bool) {
	if up {
		m.up.Set(1)
	} else {
		m.up.Set(0)
	}
}

func (m *metrics) pool() *event.PoolMonitor {
	return &event.PoolMonitor{Event: func(e *event.PoolEvent) {
		switch e.Type {
		case event.ConnectionCreated:
			m.connections.Inc()
		case event.ConnectionClosed:
			m.connections.Dec()
		}
	}}
}
