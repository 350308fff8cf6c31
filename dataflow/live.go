package dataflow

import (
	"slices"
	"sync"
	"time"

	"github.com/opensds/gelato/internal/docstore"
)

const (
	rateWindow = 10 * time.Second
	rateStep   = 500 * time.Millisecond
)

// live is what only this process knows, and may lose: since when it has seen a lease as it is (by its own monotonic clock, so that after a
// restart every lease has its whole TTL before it), what running attempts have done so far, and how fast jobs are.
type live struct {
	mu    sync.Mutex
	tasks map[taskID]*attempt
	jobs  map[string]*[]sample
}

type attempt struct {
	rev   docstore.Rev
	since time.Time
	done  counters
}

type sample struct {
	at    time.Time
	bytes int64
}

func newLive() *live {
	return &live{tasks: make(map[taskID]*attempt), jobs: make(map[string]*[]sample)}
}

func (l *live) see(id taskID, rev docstore.Rev) *attempt {
	a := l.tasks[id]
	if a == nil {
		a = &attempt{}
		l.tasks[id] = a
	}
	if a.rev != rev {
		a.rev, a.since = rev, time.Now()
	}
	return a
}

// unchangedFor is how long this process has seen the lease of a task at rev.
func (l *live) unchangedFor(id taskID, rev docstore.Rev) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.see(id, rev).since)
}

// leased notes a new holder, who has done nothing yet.
func (l *live) leased(id taskID, rev docstore.Rev) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.see(id, rev).done = counters{}
}

// beat notes what the holder has done so far.
func (l *live) beat(id taskID, rev docstore.Rev, c counters) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.see(id, rev).done = c
}

// finished forgets a task.
func (l *live) finished(id taskID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.tasks, id)
}

// forget drops all that is known of a job.
func (l *live) forget(job string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.jobs, job)
	for id := range l.tasks {
		if id.job == job {
			delete(l.tasks, id)
		}
	}
}

// running is what the attempts have done that are under way on the open tasks of a job. One that another process has counted is not among them.
func (l *live) running(job string, j *jobDoc) (c counters) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, seq := range j.Open {
		if a := l.tasks[taskID{job, j.Pass, seq}]; a != nil {
			c.add(a.done)
		}
	}
	return c
}

// keep forgets the tasks of a job that are not open any more: other processes may have finished them.
func (l *live) keep(job string, j *jobDoc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range l.tasks {
		if id.job == job && (id.pass < j.Pass || id.pass == j.Pass && id.seq < j.NextSeq && !slices.Contains(j.Open, id.seq)) {
			delete(l.tasks, id)
		}
	}
}

// reset drops everything.
func (l *live) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.tasks)
	clear(l.jobs)
}

// sample notes how many bytes a job has copied by now.
func (l *live) sample(job string, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.jobs[job]
	if s == nil {
		s = new([]sample)
		l.jobs[job] = s
	}
	t := time.Now()
	if n := len(*s); n > 0 && t.Sub((*s)[n-1].at) < rateStep {
		return
	}
	*s = append(*s, sample{t, bytes})
	for len(*s) > 2 && t.Sub((*s)[1].at) > rateWindow {
		*s = (*s)[1:]
	}
}

// rate is the bytes per second over the last rateWindow, given what is copied by now.
func (l *live) rate(job string, bytes int64) float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.jobs[job]
	if s == nil {
		return 0
	}
	t := time.Now()
	first := (*s)[0]
	for _, x := range *s {
		if t.Sub(x.at) < rateWindow {
			break
		}
		first = x
	}
	if d := t.Sub(first.at); d > rateStep && bytes > first.bytes {
		return float64(bytes-first.bytes) / d.Seconds()
	}
	return 0
}
