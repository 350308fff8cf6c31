package lease

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/trouble"
)

// Share splits pieces of work among all processes that call it for the same group: each piece is a lease (<group>/<piece>), and f is called for
// it in the process that holds it, until the lease is lost or wanted elsewhere. f must return soon after its context ends; should it
// return earlier, the piece is up for anyone again. Share ends with ctx, hands everything back, and returns nil.
//
// A process is a member while it renews a lease of its own (<group>/members/<owner>). No member holds more than an equal share, rounded up: one that
// joins is given its share within about half a TTL, and the pieces of one that died go on elsewhere within a TTL and a half.
func Share(ctx context.Context, docs docstore.Store, group string, pieces []string, o Options, f func(ctx context.Context, piece string, epoch int64)) error {
	o = o.defaults()
	s := &share{store: docs, docs: docstore.NewCollection[record](docs, collection), group: group, pieces: pieces, o: o, f: f,
		seen: map[string]*watch{}, held: map[string]context.CancelFunc{}, problem: trouble.New(o.Logger, "the work of a group cannot be shared", "group", group)}
	quiet := o
	quiet.Logger = nil
	return Run(ctx, docs, s.member(o.Owner), quiet, func(ctx context.Context, _ int64) error {
		s.run(ctx)
		return nil
	})
}

// share is one member. Its loop alone uses what is not under mu.
type share struct {
	store   docstore.Store
	docs    docstore.Collection[record]
	group   string
	pieces  []string
	o       Options
	f       func(ctx context.Context, piece string, epoch int64)
	seen    map[string]*watch // by key of the lease
	told    string            // what was logged last
	problem *trouble.Log

	mu   sync.Mutex
	held map[string]context.CancelFunc // by piece
}

func (s *share) key(piece string) string    { return s.group + "/" + piece }
func (s *share) member(owner string) string { return s.group + "/members/" + owner }

// run looks at the group until ctx ends, and then hands back what it holds.
func (s *share) run(ctx context.Context) {
	var holders sync.WaitGroup
	defer holders.Wait()
	for {
		wait, err := s.look(ctx, &holders)
		s.problem.Saw(ctx, err)
		if !trouble.Sleep(ctx, wait) {
			return
		}
	}
}

// look reads all leases of the group, gives away what is more than the share of this process, and takes what is missing. It returns when to look again.
func (s *share) look(ctx context.Context, holders *sync.WaitGroup) (next time.Duration, err error) {
	next = s.o.TTL / 4
	limited, cancel := context.WithTimeout(ctx, s.o.TTL)
	defer cancel()
	from := s.group + "/"
	items, err := s.docs.List(limited, docstore.Range{From: from, To: docstore.PrefixEnd(from), Limit: 10_000})
	if err != nil {
		return next, err
	}
	now := time.Now()
	members := 1
	open := map[string]bool{} // pieces that nobody holds
	for _, p := range s.pieces {
		open[p] = true
	}
	found := map[string]bool{}
	for _, it := range items {
		found[it.Key] = true
		w := s.watch(it.Key)
		w.see(it.Rev, now)
		left := w.expires(it.Value).Sub(now)
		dead := it.Value.Free || left <= 0
		if !dead {
			next = min(next, left)
		}
		name := strings.TrimPrefix(it.Key, from)
		switch {
		case it.Key == s.member(s.o.Owner):
		case !strings.HasPrefix(name, "members/"):
			open[name] = open[name] && (dead || it.Value.Owner == s.o.Owner) // balance knows which of its own are held
		case !dead:
			members++
		case it.Value.Free || -left > 10*s.o.TTL: // ended, or killed long ago
			_ = s.docs.Delete(limited, it.Key, it.Rev) // or another one does
		}
	}
	for k := range s.seen {
		if !found[k] {
			delete(s.seen, k)
		}
	}
	s.balance(ctx, (len(s.pieces)+members-1)/members, open, holders)
	s.tell(ctx, members)
	return next, nil
}

func (s *share) watch(key string) *watch {
	w := s.seen[key]
	if w == nil {
		w = &watch{}
		s.seen[key] = w
	}
	return w
}

// balance brings the number of held pieces to quota, as far as there are open ones.
func (s *share) balance(ctx context.Context, quota int, open map[string]bool, holders *sync.WaitGroup) {
	held := s.holding()
	for len(held) > quota {
		last := held[len(held)-1]
		held = held[:len(held)-1]
		s.mu.Lock()
		if stop := s.held[last]; stop != nil {
			stop()
		}
		s.mu.Unlock()
	}
	for _, piece := range s.pieces {
		if len(held) >= quota || ctx.Err() != nil {
			return
		}
		if !open[piece] || slices.Contains(held, piece) {
			continue
		}
		l, err := newLease(s.store, s.key(piece), s.o.TTL)
		if err != nil {
			return
		}
		// Not under ctx: a call that is broken off leaves a lease that nobody holds.
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.TTL/2)
		won, _, err := l.try(limited, s.o.Owner, s.watch(s.key(piece)))
		cancel()
		s.problem.Saw(ctx, err)
		if !won {
			continue
		}
		held = append(held, piece)
		inner, stop := context.WithCancel(ctx)
		s.mu.Lock()
		s.held[piece] = stop
		s.mu.Unlock()
		holders.Go(func() {
			defer stop()
			_, _ = l.hold(inner, func(ctx context.Context, epoch int64) error {
				s.f(ctx, piece, epoch)
				return nil
			})
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.held, piece)
		})
	}
}

// holding lists the pieces that are held, in the order in which they were given.
func (s *share) holding() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, p := range s.pieces {
		if s.held[p] != nil {
			list = append(list, p)
		}
	}
	return list
}

// tell logs what is held when that, or the number of members, has changed.
func (s *share) tell(ctx context.Context, members int) {
	list := s.holding()
	if now := fmt.Sprint(members, list); now != s.told {
		s.told = now
		s.o.Logger.InfoContext(ctx, "work is shared", "group", s.group, "owner", s.o.Owner, "members", members, "held", list)
	}
}
