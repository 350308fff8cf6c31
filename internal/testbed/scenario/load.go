package scenario

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/opensds/gelato/internal/testbed/dataset"
	"github.com/opensds/gelato/internal/testbed/s3lite"
)

// Outage says when what answers requests was down: from each Begin, right before the blow, to the End after it, when it served again.
type Outage struct {
	mu   sync.Mutex
	down []span
}

type span struct{ from, to time.Time } // a zero to: it is still down

// Begin notes that something that serves these requests is about to be struck.
func (o *Outage) Begin() { o.mu.Lock(); o.down = append(o.down, span{from: time.Now()}); o.mu.Unlock() }

// End notes that all of it serves again.
func (o *Outage) End() { o.mu.Lock(); o.down[len(o.down)-1].to = time.Now(); o.mu.Unlock() }

// Explains says whether a request that lasted from from to to may have failed because of it.
func (o *Outage) Explains(from, to time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.ContainsFunc(o.down, func(s span) bool { return !to.Before(s.from) && (s.to.IsZero() || !from.After(s.to)) })
}

// Load is readers and writers of one bucket.
type Load struct {
	Client *s3lite.Client
	Bucket string
	Model  *Model
	Outage *Outage  // of what serves S3
	Keys   []string // what readers ask for
	Write  []string // what writers change
	Size   int64    // of what writers put
	Seed   uint64

	Reads, Absent, BytesRead, Puts, Deletes, Excused atomic.Int64

	mu       sync.Mutex
	failures []error
	count    int
	slowest  time.Duration
}

const (
	maxFailures   = 20                    // kept for the report, of any number
	retryInterval = time.Second / 4       // while the server is down
	readPause     = 10 * time.Millisecond // of each reader between two reads, so that they leave the cores to what they test
)

func (l *Load) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count++; len(l.failures) < maxFailures {
		l.failures = append(l.failures, err)
	}
}

// Failures returns how many requests failed or answered wrongly, and the first of them.
func (l *Load) Failures() (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count, errors.Join(l.failures...)
}

// Slowest returns how long the slowest read of a small object took.
func (l *Load) Slowest() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.slowest
}

// Run drives readers, and writers that change perSecond keys a second together, until ctx ends and every request under way is answered.
func (l *Load) Run(ctx context.Context, readers, writers, perSecond int) {
	var all sync.WaitGroup
	for i := range readers {
		all.Go(func() { l.read(ctx, rand.New(rand.NewPCG(l.Seed, uint64(i)))) })
	}
	limit := rate.NewLimiter(rate.Limit(perSecond), 1)
	for i := range writers {
		// Each writer has keys of its own, so that the order of a key's writes is known.
		var own []string
		for j := i; j < len(l.Write); j += writers {
			own = append(own, l.Write[j])
		}
		all.Go(func() { l.write(ctx, limit, own, rand.New(rand.NewPCG(l.Seed, uint64(1000+i)))) })
	}
	all.Wait()
}

func (l *Load) read(ctx context.Context, random *rand.Rand) {
	for ctx.Err() == nil {
		from := time.Now()
		_, err := l.ReadOne(context.WithoutCancel(ctx), l.Keys[random.IntN(len(l.Keys))])
		l.judge(err, from)
		time.Sleep(readPause)
	}
}

// judge counts a failure, unless the outage explains it; then it waits a little.
func (l *Load) judge(err error, from time.Time) {
	switch {
	case err == nil:
	case !errors.Is(err, dataset.ErrWrongBytes) && !errors.Is(err, errModel) && l.Outage.Explains(from, time.Now()):
		l.Excused.Add(1)
		time.Sleep(retryInterval)
	default:
		now := time.Now()
		l.fail(fmt.Errorf("%s, after %v: %w", now.Format("15:04:05.000"), now.Sub(from).Round(time.Millisecond), err))
	}
}

var errModel = errors.New("the model forbids it")

// ReadOne reads an object whole and compares it with the model. It returns what it found; a zero Version is no object.
func (l *Load) ReadOne(ctx context.Context, key string) (dataset.Object, error) {
	from := time.Now()
	o, err := l.fetch(ctx, key)
	to := time.Now()
	if err != nil {
		return o, fmt.Errorf("read: %w", err)
	}
	if err := l.Model.Check(key, o.Version, from, to); err != nil {
		return o, fmt.Errorf("%w: %w", errModel, err)
	}
	l.Reads.Add(1)
	l.BytesRead.Add(o.Size)
	if o.Version == 0 {
		l.Absent.Add(1)
	}
	if o.Size < 1<<20 {
		l.mu.Lock()
		l.slowest = max(l.slowest, to.Sub(from))
		l.mu.Unlock()
	}
	return o, nil
}

func (l *Load) fetch(ctx context.Context, key string) (dataset.Object, error) {
	resp, err := l.Client.Get(ctx, l.Bucket, key)
	if s3lite.Status(err) == http.StatusNotFound {
		return dataset.Object{}, nil
	}
	if err != nil {
		return dataset.Object{}, err
	}
	defer resp.Body.Close()
	o, err := dataset.Verify(resp.Body, key)
	if err == nil && resp.ContentLength != o.Size {
		err = fmt.Errorf("%w: %s has Content-Length %d, want %d", dataset.ErrWrongBytes, key, resp.ContentLength, o.Size)
	}
	return o, err
}

// write overwrites, deletes and makes again. A write whose outcome is unknown is sometimes sent again and sometimes left as it is.
func (l *Load) write(ctx context.Context, limit *rate.Limiter, keys []string, random *rand.Rand) {
	for limit.Wait(ctx) == nil {
		key := keys[random.IntN(len(keys))]
		w := l.Model.Begin(key, random.IntN(10) < 3)
		for {
			from := time.Now()
			err := l.send(context.WithoutCancel(ctx), key, w)
			if err == nil {
				w.Succeeded()
				break
			}
			l.judge(fmt.Errorf("write: %w", err), from)
			if random.IntN(2) == 0 || !l.Outage.Explains(from, time.Now()) {
				break
			}
		}
	}
}

func (l *Load) send(ctx context.Context, key string, w *Write) error {
	if w.Deleted {
		l.Deletes.Add(1)
		return l.Client.Delete(ctx, l.Bucket, key)
	}
	l.Puts.Add(1)
	return l.Client.Put(ctx, l.Bucket, key, dataset.Object{Key: key, Version: w.Version, Size: l.Size}.Bytes())
}

// ReadAll reads every key of the model, workers at a time, and returns the objects that are there by key.
func (l *Load) ReadAll(ctx context.Context, workers int) map[string]dataset.Object {
	keys := make(chan string)
	found := map[string]dataset.Object{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for key := range keys {
				o, err := l.ReadOne(ctx, key)
				if err != nil {
					l.fail(fmt.Errorf("final read: %w", err))
				} else if o.Version > 0 {
					mu.Lock()
					found[key] = o
					mu.Unlock()
				}
			}
		})
	}
	for _, key := range l.Model.Keys() {
		keys <- key
	}
	close(keys)
	all.Wait()
	return found
}
