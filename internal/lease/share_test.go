package lease_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/docstore/docstoretest"
	"github.com/opensds/gelato/internal/lease"
)

// crew counts who works on which piece.
type crew struct {
	t      *testing.T
	pieces []string

	mu     sync.Mutex
	at     map[string]string // who works on a piece
	epochs map[string]int64
}

func newCrew(t *testing.T, n int) *crew {
	c := &crew{t: t, at: map[string]string{}, epochs: map[string]int64{}}
	for i := range n {
		c.pieces = append(c.pieces, fmt.Sprintf("%02d", i))
	}
	return c
}

// join adds a member, and returns what ends it.
func (c *crew) join(docs docstore.Store, owner string) (leave func()) {
	ctx, cancel := context.WithCancel(c.t.Context())
	done := make(chan error, 1)
	go func() {
		done <- lease.Share(ctx, docs, "work", c.pieces, lease.Options{Owner: owner}, func(ctx context.Context, piece string, epoch int64) {
			c.mu.Lock()
			if other := c.at[piece]; other != "" {
				c.t.Errorf("%s and %s work on %s at once", other, owner, piece)
			}
			if epoch <= c.epochs[piece] {
				c.t.Errorf("epoch %d of %s after %d", epoch, piece, c.epochs[piece])
			}
			c.at[piece], c.epochs[piece] = owner, epoch
			c.mu.Unlock()
			<-ctx.Done()
			c.mu.Lock()
			defer c.mu.Unlock()
			delete(c.at, piece)
		})
	}()
	return func() {
		cancel()
		if err := <-done; err != nil {
			c.t.Errorf("Share: %v", err)
		}
	}
}

// want checks how the pieces are split among members, who owner names, the largest share first.
func (c *crew) want(when, owners string, shares ...int) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	count := map[string]int{}
	for _, owner := range c.at {
		count[owner]++
	}
	names, got := slices.Sorted(maps.Keys(count)), slices.Sorted(maps.Values(count))
	slices.Reverse(got)
	if strings.Join(names, "") != owners || !slices.Equal(got, shares) {
		c.t.Errorf("%s: got %v, want %v of %s", when, count, shares, owners)
	}
}

func TestShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		docs := docstoretest.NewMemory()
		c := newCrew(t, 9)
		leaveA := c.join(docs, "a")
		time.Sleep(time.Second)
		c.want("alone", "a", 9)
		b := docstoretest.NewFaulty(docs, docstoretest.Faults{})
		leaveB := c.join(b, "b")
		time.Sleep(lease.DefaultTTL)
		c.want("two", "ab", 5, 4)
		leaveC := c.join(docs, "c")
		time.Sleep(lease.DefaultTTL)
		c.want("three", "abc", 3, 3, 3)
		time.Sleep(time.Hour)
		c.want("an hour later", "abc", 3, 3, 3)

		b.Away(true) // as if it were killed
		time.Sleep(15 * time.Second)
		c.want("after a death", "ac", 5, 4)
		b.Away(false)
		time.Sleep(30 * time.Second)
		c.want("after its return", "abc", 3, 3, 3)

		leaveA()
		time.Sleep(lease.DefaultTTL / 2)
		c.want("after a drain", "bc", 5, 4)
		leaveC()
		time.Sleep(lease.DefaultTTL / 2)
		c.want("the last one", "b", 9)
		leaveB()
		c.want("nobody", "")
	})
}

// TestShareThroughOutages lets the store stand still, be away and forget answers: no piece is ever worked on twice at once, and all are in the end.
func TestShareThroughOutages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		docs := docstoretest.NewFaulty(docstoretest.NewMemory(), docstoretest.Faults{Seed: 3, Applied: 0.1, Dropped: 0.1, Late: 0.1, LateBy: 20 * time.Second, Reads: 0.1})
		c := newCrew(t, 5)
		var leave []func()
		for _, owner := range []string{"a", "b", "c"} {
			leave = append(leave, c.join(docs, owner))
		}
		for range 20 {
			time.Sleep(25 * time.Second)
			docs.Away(true)
			time.Sleep(7 * time.Second)
			docs.Away(false)
			time.Sleep(50 * time.Second)
			docs.Stop(true)
			time.Sleep(time.Minute)
			docs.Stop(false)
		}
		held := 0
		for range 60 { // now and then a lease is lost to the faults
			time.Sleep(time.Second)
			c.mu.Lock()
			held = max(held, len(c.at))
			c.mu.Unlock()
		}
		if held != 5 {
			t.Errorf("at most %d of 5 pieces are worked on", held)
		}
		for _, f := range leave {
			f()
		}
		docs.Wait()
	})
}
