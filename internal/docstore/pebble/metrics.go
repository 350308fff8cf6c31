package pebble

import (
	"github.com/prometheus/client_golang/prometheus"
)

// collector reads pebble's own figures when they are asked for.
type collector struct {
	store                                                *Store
	registerer                                           prometheus.Registerer
	disk, memTable, cache, walBytes, readAmp, compaction *prometheus.Desc
}

func newCollector(s *Store, r prometheus.Registerer) *collector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("gelato_docstore_"+name, help, nil, nil)
	}
	return &collector{
		store: s, registerer: r,
		disk:       desc("disk_bytes", "Disk space used by the state store."),
		memTable:   desc("memtable_bytes", "Memory used by the state store's memtables."),
		cache:      desc("cache_bytes", "Memory used by the state store's block cache."),
		walBytes:   desc("log_written_bytes_total", "Bytes written to the state store's log."),
		readAmp:    desc("read_amplification", "Places in which one look-up may have to search."),
		compaction: desc("compaction_debt_bytes", "Bytes that wait for compaction."),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.disk, c.memTable, c.cache, c.walBytes, c.readAmp, c.compaction} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	c.store.closing.RLock()
	defer c.store.closing.RUnlock()
	if c.store.closed {
		return
	}
	m := c.store.db.Metrics()
	gauge := func(d *prometheus.Desc, v float64) { ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	gauge(c.disk, float64(m.DiskSpaceUsage()))
	gauge(c.memTable, float64(m.MemTable.Size))
	gauge(c.cache, float64(m.BlockCache.Size))
	gauge(c.readAmp, float64(m.ReadAmp()))
	gauge(c.compaction, float64(m.Compact.EstimatedDebt))
	ch <- prometheus.MustNewConstMetric(c.walBytes, prometheus.CounterValue, float64(m.WAL.BytesWritten))
}

func (c *collector) unregister() { c.registerer.Unregister(c) }
