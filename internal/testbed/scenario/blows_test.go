package scenario

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// blows deals each blow of the system once, in an order of chance, each when the job under way has gone on since the last one and passed a random
// number of objects, below most, and a random moment more.
type blows struct {
	*stage
	most   float64
	random *rand.Rand
	dealt  atomic.Int32
}

func (s *stage) blowing(most float64) *blows {
	return &blows{stage: s, most: most, random: rand.New(rand.NewPCG(s.load.Seed, 1))}
}

func (b *blows) run(ctx context.Context) {
	last := int64(0)
	for _, i := range b.random.Perm(len(b.system.blows)) {
		at := int64(b.random.Float64() * b.most)
		pause := time.Duration(b.random.IntN(1000)) * time.Millisecond
		for passed := b.passed.Load(); passed == 0 || passed == last || passed < at; passed = b.passed.Load() {
			if ctx.Err() != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(pause)
		if err := b.deal(b.system.blows[i]); err != nil {
			b.t.Errorf("%s: %v", b.system.blows[i].name, err)
			return
		}
		last = b.passed.Load()
	}
}

func (b *blows) deal(w blow) error {
	if w.s3 {
		b.load.Outage.Begin()
		defer b.load.Outage.End()
	}
	if w.rest {
		b.rest.Begin()
		defer b.rest.End()
	}
	began, passed, excused := time.Now(), b.passed.Load(), b.load.Excused.Load()
	if err := w.strike(); err != nil {
		return err
	}
	if err := w.heal(); err != nil {
		return err
	}
	b.dealt.Add(1)
	b.figure("%s after %d objects; healed after %v, %d requests excused", w.name, passed, time.Since(began).Round(time.Millisecond), b.load.Excused.Load()-excused)
	return nil
}

// over says whether every blow was dealt.
func (b *blows) over() bool { return int(b.dealt.Load()) == len(b.system.blows) }

func (b *blows) wantAll() {
	b.t.Helper()
	if !b.over() {
		b.t.Errorf("%d of %d blows were dealt before the jobs were over", b.dealt.Load(), len(b.system.blows))
	}
}
