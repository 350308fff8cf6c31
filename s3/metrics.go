package s3

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts requests. A nil one counts nothing.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	bytes    *prometheus.CounterVec
	lostLogs prometheus.Counter
	told     *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	if r == nil {
		return nil, nil
	}
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gelato_s3_requests_total", Help: "S3 requests by operation and status."}, []string{"operation", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "gelato_s3_request_seconds", Help: "Time from the headers of an S3 request to the end of its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60}}, []string{"operation"}),
		bytes:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gelato_s3_bytes_total", Help: "Bytes of S3 bodies by operation and direction."}, []string{"operation", "direction"}),
		lostLogs: prometheus.NewCounter(prometheus.CounterOpts{Name: "gelato_s3_access_log_lost_total", Help: "Records of access logs that could not be delivered."}),
		told:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gelato_s3_events_total", Help: "Events by target and how they ended: delivered, failed (and tried again), dropped."}, []string{"target", "outcome"}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.seconds, m.bytes, m.lostLogs, m.told} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) observe(operation string, status int, took time.Duration, in, out int64) {
	if m == nil {
		return
	}
	m.requests.WithLabelValues(operation, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(operation).Observe(took.Seconds())
	m.bytes.WithLabelValues(operation, "in").Add(float64(in))
	m.bytes.WithLabelValues(operation, "out").Add(float64(out))
}

// lostRecords counts records of access logs that were dropped, for want of room or because nobody took them.
func (s *Service) lostRecords(records int, err error) {
	s.logTrouble.Saw(context.Background(), err)
	if s.metrics != nil {
		s.metrics.lostLogs.Add(float64(records))
	}
}

// events counts events by how they ended.
func (m *metrics) events(target, outcome string, events int) {
	if m != nil {
		m.told.WithLabelValues(target, outcome).Add(float64(events))
	}
}
