package s3shape

import (
	"strings"
	"unicode/utf8"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// Listing makes one page of adapters.Store.List out of what a store lists, whose keys have the backend's prefix in front. A store that lists
// what was not asked for, or out of order, is an error: such a page would leave objects out.
type Listing struct {
	base, prefix, after string
	limit               int
	last                string
	objects             []adapters.Info
}

// NewListing checks the arguments of List; base is the backend's prefix.
func NewListing(base, prefix, after string, limit int) (*Listing, error) {
	if limit < 1 || limit > 1000 {
		return nil, errs.Newf(errs.InvalidArgument, "the limit must be 1 to 1000")
	}
	if !utf8.ValidString(prefix) || !utf8.ValidString(after) {
		return nil, errs.Newf(errs.InvalidArgument, "a prefix or start that is not UTF-8")
	}
	return &Listing{base: base, prefix: prefix, after: after, limit: limit, last: after}, nil
}

// Ask is how many keys to ask for: one more than wanted, as some stores say at a prefix's end that there is more.
func (l *Listing) Ask() int { return min(l.limit+1, 1000) }

// Prefix is what to ask for, "" for everything.
func (l *Listing) Prefix() string { return l.base + l.prefix }

// After is the key after which to begin, "" for the beginning.
func (l *Listing) After() string {
	if l.after == "" {
		return ""
	}
	return l.base + l.after
}

// Add takes the next object that the store lists, by the store's own name of it; info needs no key.
func (l *Listing) Add(name string, info adapters.Info) error {
	key, ok := strings.CutPrefix(name, l.base)
	if !ok || !strings.HasPrefix(key, l.prefix) {
		return errs.Newf(errs.Internal, "the store lists keys outside the prefix asked for")
	}
	if key == "" || (l.after != "" && key <= l.after) {
		return nil // the prefix itself as an object, or a store that does not know where to start
	}
	if key <= l.last {
		return errs.Newf(errs.FailedPrecondition, "the store does not list keys in order of their bytes")
	}
	l.last = key
	info.Key = key
	l.objects = append(l.objects, info)
	return nil
}

// Page returns the page; truncated is what the store said. When ok is false nothing was found so far and the store has more: ask on.
func (l *Listing) Page(truncated bool) (page adapters.Page, ok bool) {
	page = adapters.Page{Objects: l.objects, More: truncated}
	if len(page.Objects) > l.limit {
		page.Objects, page.More = page.Objects[:l.limit], true
	}
	return page, len(page.Objects) > 0 || !page.More
}
