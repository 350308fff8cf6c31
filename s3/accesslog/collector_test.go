package accesslog

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// place is a Delivery: buckets named "to-X" go to X, others are not logged.
type place struct {
	t      *testing.T
	target Target
	fail   func(try int) error
	hold   chan struct{} // Write waits for it, when it is not nil

	mu      sync.Mutex
	tries   int
	objects map[string]string
	lost    int
}

func (p *place) Route(_ context.Context, bucket string) (Route, bool, error) {
	if bucket == "gone" {
		return Route{}, false, errors.New("unknown")
	}
	t := p.target
	var ok bool
	t.Bucket, ok = strings.CutPrefix(bucket, "to-")
	return Route{Source: bucket, Owner: "owner", Account: "me", Region: "here", Target: t}, ok, nil
}

func (p *place) Write(ctx context.Context, r Route, key string, body []byte) error {
	if p.hold != nil {
		select {
		case <-p.hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tries++
	if p.fail != nil {
		if err := p.fail(p.tries); err != nil {
			return err
		}
	}
	p.objects[r.Target.Bucket+"/"+key] = string(body)
	return nil
}

func (p *place) count() (objects, lines, lost int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, body := range p.objects {
		lines += strings.Count(body, "\n")
	}
	return len(p.objects), lines, p.lost
}

// start runs a collector in a bubble; stop ends it and waits.
func start(t *testing.T, p *place, o Options) (c *Collector, stop func()) {
	p.t, p.objects = t, map[string]string{}
	o.Lost = func(n int, _ error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.lost += n
	}
	c = New(p, o)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	return c, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	}
}

func (p *place) want(objects, lines, lost int) {
	p.t.Helper()
	synctest.Wait()
	if o, l, n := p.count(); o != objects || l != lines || n != lost {
		p.t.Errorf("got %d objects, %d lines, %d lost, want %d, %d, %d", o, l, n, objects, lines, lost)
	}
}

func TestAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &place{target: Target{Prefix: "p-"}}
		c, stop := start(t, p, Options{Age: time.Minute})
		for range 3 {
			c.Add("to-logs", &Record{Time: time.Now()})
		}
		c.Add("quiet", &Record{Time: time.Now()})
		c.Add("gone", &Record{Time: time.Now()})
		time.Sleep(50 * time.Second)
		p.want(0, 0, 1)
		time.Sleep(15 * time.Second)
		p.want(1, 3, 1)
		c.Add("to-logs", &Record{Time: time.Now()})
		stop()
		p.want(2, 4, 1)
		name := regexp.MustCompile(`^logs/p-2000-01-01-00-01-[0-9]{2}-[0-9A-F]{16}$`)
		for key, body := range p.objects {
			if !name.MatchString(key) {
				t.Errorf("an object is named %s", key)
			}
			if !strings.HasPrefix(body, "owner to-logs [01/Jan/2000:00:0") {
				t.Errorf("a record is %s", body)
			}
		}
	})
}

func TestSize(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &place{}
		c, stop := start(t, p, Options{Size: 1000, Age: time.Hour})
		line := len("owner to-logs \n") + len((&Record{Time: time.Now()}).Append(nil))
		fit := (1000 + line - 1) / line // until the object is full
		for range fit {
			c.Add("to-logs", &Record{Time: time.Now()})
		}
		p.want(1, fit, 0)
		stop()
		p.want(1, fit, 0)
	})
}

func TestPartitions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &place{target: Target{Prefix: "p/", Partitioned: true, ByEvent: true}}
		c, stop := start(t, p, Options{})
		c.Add("to-logs", &Record{Time: time.Now().Add(-time.Minute)})
		c.Add("to-logs", &Record{Time: time.Now()})
		stop()
		p.want(2, 2, 0)
		all := ""
		for key := range p.objects {
			all += key + "\n"
		}
		for _, want := range []string{"logs/p/me/here/to-logs/1999/12/31/1999-12-31-00-00-00-", "logs/p/me/here/to-logs/2000/01/01/2000-01-01-00-00-00-"} {
			if !strings.Contains(all, want) {
				t.Errorf("got %s, want one that begins with %s", all, want)
			}
		}
	})
}

// TestBounds: while nothing can be written, memory ends with PerSource and Total, and every record is written or counted as lost.
func TestBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &place{hold: make(chan struct{})}
		line := len("owner to-a \n") + len((&Record{Time: time.Now()}).Append(nil))
		c, stop := start(t, p, Options{Size: 2 * line, PerSource: 10 * line, Total: 15 * line, Age: time.Hour})
		for range 20 {
			c.Add("to-a", &Record{Time: time.Now()})
		}
		p.want(0, 0, 10)
		for range 20 {
			c.Add("to-b", &Record{Time: time.Now()})
		}
		p.want(0, 0, 25)
		close(p.hold)
		p.want(7, 14, 25) // the last one of b is alone in its object
		for range 5 {
			c.Add("to-b", &Record{Time: time.Now()})
		}
		stop()
		p.want(10, 20, 25)
	})
}

func TestNobodyWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &place{objects: map[string]string{}}
		lost := 0
		c := New(p, Options{Waiting: 2, Lost: func(n int, _ error) { lost += n }})
		for range 5 {
			c.Add("to-a", &Record{}) // nobody runs it
		}
		if lost != 3 {
			t.Errorf("%d lost, want 3", lost)
		}
	})
}

func TestRetries(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		failures             int
		objects, lines, lost int
	}{"passes": {attempts - 1, 1, 1, 0}, "stays": {attempts, 0, 0, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := &place{fail: func(try int) error {
					if try <= c.failures {
						return errors.New("away")
					}
					return nil
				}}
				collector, stop := start(t, p, Options{Age: time.Second})
				collector.Add("to-a", &Record{Time: time.Now()})
				time.Sleep(time.Hour)
				p.want(c.objects, c.lines, c.lost)
				stop()
				p.want(c.objects, c.lines, c.lost)
			})
		})
	}
}

// TestEnd: a store that hangs does not keep the service from ending.
func TestEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &place{hold: make(chan struct{})}
		c, stop := start(t, p, Options{Size: 1, Patience: time.Second})
		for range 10 {
			c.Add("to-a", &Record{Time: time.Now()})
		}
		synctest.Wait()
		before := time.Now()
		stop()
		if took := time.Since(before); took > 2*time.Second {
			t.Errorf("it took %v to end", took)
		}
		p.want(0, 0, 10)
	})
}
