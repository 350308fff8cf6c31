package azureblob

import (
	"context"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/opensds/gelato/internal/errs"
)

// Values of habits.seeks; 0 is not known.
const (
	seekWorks = 1 + iota
	seekIgnored
)

// seeks finds out whether a listing starts where startFrom says (Azure since service version 2026-02-06). A store that does not know it
// begins with the first name all the same.
func (s *Store) seeks(ctx context.Context, prefix string) (bool, error) {
	if state := s.habits.seeks.Load(); state != 0 {
		return state == seekWorks, nil
	}
	first := func(from string) (string, error) {
		one := int32(1)
		o := container.ListBlobsFlatOptions{Prefix: given(prefix), MaxResults: &one, StartFrom: given(from)}
		for {
			found, next, err := s.page(ctx, &o)
			if err != nil || len(found) > 0 || next == "" {
				if len(found) == 0 {
					return "", err
				}
				return *found[0].Name, err
			}
			o.StartFrom, o.Marker = nil, &next
		}
	}
	before, err := first("")
	if err != nil || before == "" {
		return false, err // nothing is there to be found out with
	}
	got, err := first(before + "!")
	if errs.Is(err, errs.InvalidArgument) || err == nil && got == before {
		s.habits.seeks.Store(seekIgnored)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	again, err := first("")
	if err == nil && again == before { // it is there still, and was passed over
		s.habits.seeks.Store(seekWorks)
		return true, nil
	}
	return false, err
}

// maxMarks bounds how many places are remembered.
const maxMarks = 4096

// marks remembers places in listings of a store that cannot start at a name: the markers of pages that were read. A page is found again from the
// nearest place before it. The zero value is ready.
type marks struct {
	mu     sync.Mutex
	places []mark // a ring once it is full
	next   int
}

type mark struct{ prefix, last, marker string } // marker goes on after last

// remember keeps a place, over the oldest one when there are many.
func (m *marks) remember(prefix, last, marker string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.places {
		if p := &m.places[i]; p.prefix == prefix && p.last == last {
			p.marker = marker
			return
		}
	}
	if len(m.places) < maxMarks {
		m.places = append(m.places, mark{prefix, last, marker})
		return
	}
	m.places[m.next] = mark{prefix, last, marker}
	m.next = (m.next + 1) % maxMarks
}

// before returns the marker of the nearest place before the start of a span, "" for none; exact says that it is there.
func (m *marks) before(sp span) (marker string, exact bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	best := ""
	for _, p := range m.places {
		if p.prefix != sp.prefix || p.last <= best {
			continue
		}
		if p.last == sp.over && p.last == sp.from {
			return p.marker, true
		}
		if belowInBoth(p.last, sp.from) {
			best, marker = p.last, p.marker
		}
	}
	return marker, false
}
