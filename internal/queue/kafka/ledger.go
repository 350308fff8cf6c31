package kafka

import (
	"context"
	"slices"
	"sync"
)

// ledger keeps the books of one partition while it belongs to this member: which messages were handed out, which of them are dealt
// with, and so up to where the partition may be committed. One goroutine at a time reads the partition; any may finish messages.
type ledger struct {
	partition int
	room      chan struct{} // holds one token for each entry of open
	progress  chan<- struct{}

	mu        sync.Mutex
	open      []entry // handed out, in order of offsets; the first is not finished
	next      int64   // to be handed out next; negative: wherever the partition begins
	committed int64   // last known
	high      int64   // the partition's end, last known
	lost      bool
}

type entry struct {
	offset int64
	done   bool
}

// newLedger begins at offset, which is committed unless it is negative. A token is put into progress, if it has room, when there is more to commit.
func newLedger(partition int, offset int64, window int, progress chan<- struct{}) *ledger {
	return &ledger{partition: partition, room: make(chan struct{}, window), progress: progress, next: offset, committed: offset}
}

// begin books a message that is about to be handed out; it waits while too many are unfinished. false: ctx ended first.
func (l *ledger) begin(ctx context.Context, offset int64) bool {
	select {
	case l.room <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, entry{offset: offset})
	l.next = offset + 1
	return true
}

// giveBack undoes the last begin.
func (l *ledger) giveBack(offset int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = l.open[:len(l.open)-1]
	l.next = offset
	<-l.room
}

// finish books that a message is dealt with.
func (l *ledger) finish(offset int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i, ok := slices.BinarySearchFunc(l.open, offset, func(e entry, o int64) int { return int(min(max(e.offset-o, -1), 1)) }); ok {
		l.open[i].done = true
	}
	n := 0
	for n < len(l.open) && l.open[n].done {
		<-l.room
		n++
	}
	l.open = slices.Delete(l.open, 0, n)
	if n > 0 {
		tell(l.progress)
	}
}

// skipTo moves on to offset when there is nothing to hand out before it.
func (l *ledger) skipTo(offset int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if offset > l.next {
		l.next = offset
		tell(l.progress)
	}
}

// goesOn reports whether what the group has committed is this ledger's doing: its last commit, or one whose answer was lost.
func (l *ledger) goesOn(committed int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.committed <= committed && committed <= l.low()
}

// low returns where the first message is that is not dealt with; negative while that is unknown.
func (l *ledger) low() int64 {
	if len(l.open) > 0 {
		return l.open[0].offset
	}
	return l.next
}

// due returns what to commit, if there is something.
func (l *ledger) due() (offset int64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	low := l.low()
	return low, low >= 0 && low > l.committed
}

func (l *ledger) commit(offset int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.committed = max(l.committed, offset)
}

func (l *ledger) position() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next
}

// lose ends the books: the partition is another member's.
func (l *ledger) lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost = true
}

func (l *ledger) isLost() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

func (l *ledger) setHigh(high int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.high = high
}

// lag returns how many messages are not dealt with, as far as is known.
func (l *ledger) lag() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if low := l.low(); low >= 0 {
		return max(0, l.high-low)
	}
	return 0
}
