package catalog

import (
	"context"
	"strings"

	"github.com/opensds/gelato/internal/docstore"
)

// toldEvents is what the model knows of events, by the revisions under which changes were committed.
type toldEvents struct {
	owed      map[docstore.Rev]string // of changes that others must be told of: what they are
	committed map[docstore.Rev]bool
	delivered map[docstore.Rev]int
}

// modelSettings have others told of changes.
var modelSettings = map[string][]byte{NotificationSetting: []byte("x")}

// modelNotifier wants every event. Deliveries are the clients', see deliver.
type modelNotifier struct{}

func (modelNotifier) Route(context.Context, Event) (target, rule string, err error) {
	return "hook", "rule", nil
}
func (modelNotifier) Deliver(context.Context, int) {}

// owes notes that a change was committed, and whether others must be told of it.
func (t *toldEvents) owes(rev docstore.Rev, o *operation) {
	t.committed[rev] = true
	if o == nil {
		return
	}
	switch o.kind {
	case "put", "upload", "delete", "delete version", "amend":
		t.owed[rev] = o.kind + " " + o.id
	}
}

// deliver empties an outbox. What was delivered is not taken back by a crash, what was to be forgotten stays.
func (r *run) deliver(ctx context.Context, c *Catalog, shard int) error {
	list, err := c.Events(ctx, shard, "hook", "", 2)
	if err != nil || len(list) == 0 {
		return err
	}
	var ids []string
	for _, e := range list {
		r.told.delivered[e.Rev]++
		ids = append(ids, e.ID)
	}
	return c.ForgetEvents(ctx, shard, "hook", ids)
}

// waiting reports whether events of a shard wait.
func (r *run) waiting(shard int) bool {
	for _, k := range r.docs.coll(collEvents).keys {
		if strings.HasPrefix(k, shardPrefix(shard)) {
			return true
		}
	}
	return false
}

// wantTold checks that every change was told of that had to be, and nothing that did not happen.
func (r *run) wantTold() {
	for rev, what := range r.told.owed {
		if r.told.delivered[rev] == 0 {
			r.violate("nobody was told of %s (%s)", what, rev)
		}
	}
	for rev := range r.told.delivered {
		if !r.told.committed[rev] {
			r.violate("others were told of %s, which was not committed", rev)
		}
	}
	for _, k := range r.docs.coll(collEvents).keys {
		r.violate("event %s is left", k)
	}
}
