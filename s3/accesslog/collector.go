package accesslog

import (
	"context"
	"errors"
	"time"
)

// Delivery is what a Collector needs of the service.
type Delivery interface {
	// Route says where the records of a bucket go. ok is false when they go nowhere.
	Route(ctx context.Context, bucket string) (r Route, ok bool, err error)
	// Write makes an object of records.
	Write(ctx context.Context, r Route, key string, body []byte) error
}

// Options tune a Collector. The zero Options works.
type Options struct {
	Size      int           // of an object, bytes, 1 MiB when 0
	Age       time.Duration // of the oldest record of an object, 5 minutes when 0
	PerSource int           // bytes held of one source, 4 MiB when 0
	Total     int           // bytes held in all, 16 MiB when 0
	Waiting   int           // records that nobody has looked at yet, 1,024 when 0
	Patience  time.Duration // for the last objects when Run ends, 10 s when 0
	Lost      func(records int, err error)
}

const (
	attempts = 5 // to write one object
	writers  = 4 // objects written at once
)

// Collector gathers records and has them written. Add may be called by many at once.
type Collector struct {
	d  Delivery
	o  Options
	in chan entry
}

// entry is one record, as it was formatted.
type entry struct {
	bucket string
	at     time.Time
	text   []byte
}

// New makes a Collector. It collects nothing until Run.
func New(d Delivery, o Options) *Collector {
	for _, x := range []struct {
		v       *int
		missing int
	}{{&o.Size, 1 << 20}, {&o.PerSource, 4 << 20}, {&o.Total, 16 << 20}, {&o.Waiting, 1024}} {
		if *x.v <= 0 {
			*x.v = x.missing
		}
	}
	if o.Age <= 0 {
		o.Age = 5 * time.Minute
	}
	if o.Patience <= 0 {
		o.Patience = 10 * time.Second
	}
	if o.Lost == nil {
		o.Lost = func(int, error) {}
	}
	return &Collector{d: d, o: o, in: make(chan entry, o.Waiting)}
}

// errFull is why a record was dropped that there was no room for.
var errFull = errors.New("too many records wait")

// Add takes a record of a bucket, of which nothing is known yet but its name. It never waits: when there is no room the record is lost.
func (c *Collector) Add(bucket string, r *Record) {
	select {
	case c.in <- entry{bucket, r.Time, r.Append(make([]byte, 0, 512))}:
	default:
		c.o.Lost(1, errFull)
	}
}

// Run collects and writes until ctx ends; then it writes what is left, for as long as Patience.
func (c *Collector) Run(ctx context.Context) error {
	g := &gathering{c: c, open: map[heap]*batch{}, held: map[string]int{}, ended: make(chan *batch)}
	tick := time.NewTicker(max(c.o.Age/20, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case e := <-c.in:
			g.take(ctx, e)
		case <-tick.C:
			g.due(false)
		case b := <-g.ended:
			g.over(b)
		case <-ctx.Done():
			g.finish(context.WithoutCancel(ctx))
			return nil
		}
		g.write(ctx)
	}
}

// heap is which records go into one object.
type heap struct {
	Route
	day time.Time
}

// batch is the records of one object.
type batch struct {
	heap
	begun   time.Time
	body    []byte
	records int
	tries   int
	err     error     // of the last attempt
	after   time.Time // of the next one
}

// gathering is the state of Run, which alone touches it.
type gathering struct {
	c       *Collector
	open    map[heap]*batch
	ready   []*batch
	held    map[string]int // bytes by source, in open, ready and on their way
	total   int
	ended   chan *batch
	running int
}

// take adds a record to its batch.
func (g *gathering) take(ctx context.Context, e entry) {
	r, ok, err := g.c.d.Route(ctx, e.bucket)
	if err != nil {
		g.c.o.Lost(1, err)
		return
	}
	if !ok {
		return
	}
	size := len(r.Owner) + len(r.Source) + len(e.text) + 3
	if g.held[r.Source]+size > g.c.o.PerSource || g.total+size > g.c.o.Total {
		g.c.o.Lost(1, errFull)
		return
	}
	h := heap{r, r.Target.day(e.at)}
	b := g.open[h]
	if b == nil {
		b = &batch{heap: h, begun: time.Now()}
		g.open[h] = b
	}
	b.body = append(append(append(append(b.body, r.Owner...), ' '), r.Source...), ' ')
	b.body = append(append(b.body, e.text...), '\n')
	b.records++
	g.held[r.Source] += size
	g.total += size
	if len(b.body) >= g.c.o.Size {
		g.shut(b)
	}
}

func (g *gathering) shut(b *batch) {
	delete(g.open, b.heap)
	g.ready = append(g.ready, b)
}

// due shuts batches that are old enough.
func (g *gathering) due(all bool) {
	for _, b := range g.open {
		if all || time.Since(b.begun) >= g.c.o.Age {
			g.shut(b)
		}
	}
}

// write starts as many writers as may run.
func (g *gathering) write(ctx context.Context) {
	for i := 0; i < len(g.ready) && g.running < writers; {
		b := g.ready[i]
		if time.Now().Before(b.after) {
			i++
			continue
		}
		g.ready = append(g.ready[:i], g.ready[i+1:]...)
		g.running++
		go func() {
			b.tries++
			b.err = g.c.d.Write(ctx, b.Route, b.name(time.Now(), b.day), b.body)
			g.ended <- b
		}()
	}
}

// over takes note of how a writer ended.
func (g *gathering) over(b *batch) {
	g.running--
	if b.err != nil && b.tries < attempts {
		b.after = time.Now().Add(time.Second << b.tries)
		g.ready = append(g.ready, b)
		return
	}
	if b.err != nil {
		g.c.o.Lost(b.records, b.err)
	}
	g.total -= len(b.body)
	if g.held[b.Source] -= len(b.body); g.held[b.Source] == 0 {
		delete(g.held, b.Source)
	}
}

// finish writes all that is there, each object once.
func (g *gathering) finish(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, g.c.o.Patience)
	defer cancel()
	for more := true; more; {
		select {
		case e := <-g.c.in:
			g.take(ctx, e)
		default:
			more = false
		}
	}
	g.due(true)
	for _, b := range g.ready {
		b.after = time.Time{}
	}
	for g.write(ctx); g.running > 0; g.write(ctx) {
		b := <-g.ended
		if b.err != nil && ctx.Err() != nil {
			b.tries = attempts
		}
		g.over(b)
		b.after = time.Time{}
	}
}
