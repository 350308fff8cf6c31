package catalog

import (
	"context"
	"fmt"
	"strings"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// seekRun is how many summaries are read at once while common prefixes are large, longPrefix keys and more: most of a longer run would be for nothing.
const (
	seekRun    = 64
	longPrefix = 256
)

// List implements API. It reads runs of summaries in key order; with a delimiter it seeks past a common prefix only when a
// run ends inside it, as most prefixes are shorter than a run. Runs are as long as the prefixes seen last suggest.
func (c *Catalog) List(ctx context.Context, l Listing) (Page, error) {
	if l.Limit < 1 || l.Limit > 1000 {
		return Page{}, errs.Newf(errs.InvalidArgument, "the limit of a listing is %d, not 1 to 1000", l.Limit)
	}
	var p Page
	p.Objects = make([]Object, 0, l.Limit)
	bounds := headKey(l.Bucket.ID, "")
	from, to := bounds+l.Prefix, docstore.PrefixEnd(bounds+l.Prefix)
	if l.After >= l.Prefix && l.After != "" {
		from = docstore.After(bounds + l.After)
		if skip := l.rolled(l.After); skip != "" {
			from = docstore.PrefixEnd(bounds + skip)
		}
	}
	rolled := "" // the last common prefix
	var h head
	limit := l.Limit + 1
	for from < to {
		run := docstore.Range{From: from, To: to, Limit: limit, Fields: summaryFields}
		docs, err := c.docs.List(ctx, collObjects, run)
		if err != nil {
			return Page{}, fmt.Errorf("list objects: %w", err)
		}
		before := len(p.Objects) + len(p.CommonPrefixes)
		for _, d := range docs {
			if err := h.decode(d); err != nil {
				return Page{}, err
			}
			if !h.live {
				continue
			}
			prefix := l.rolled(h.object.Key)
			if prefix != "" && prefix == rolled {
				continue
			}
			if len(p.Objects)+len(p.CommonPrefixes) == l.Limit {
				p.More = true
				return p, nil
			}
			if prefix != "" {
				p.CommonPrefixes = append(p.CommonPrefixes, prefix)
				p.Next, rolled = prefix, prefix
				continue
			}
			p.Objects = append(p.Objects, h.object)
			p.Next = h.object.Key
		}
		if len(docs) < run.Limit {
			break
		}
		last := docs[len(docs)-1].Key
		from, limit = docstore.After(last), min(2*limit, l.Limit+1)
		if rolled != "" && strings.HasPrefix(last, bounds+rolled) {
			from = docstore.PrefixEnd(bounds + rolled)
			if found := len(p.Objects) + len(p.CommonPrefixes) - before; found <= 1 || len(docs) >= longPrefix*found {
				limit = min(seekRun, l.Limit+1)
			}
		}
	}
	p.Next = ""
	return p, nil
}

// rolled returns the common prefix under which key is shown, or "".
func (l Listing) rolled(key string) string {
	if l.Delimiter == "" || !strings.HasPrefix(key, l.Prefix) {
		return ""
	}
	i := strings.Index(key[len(l.Prefix):], l.Delimiter)
	if i < 0 {
		return ""
	}
	return key[:len(l.Prefix)+i+len(l.Delimiter)]
}
