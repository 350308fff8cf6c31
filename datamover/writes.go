package datamover

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/trouble"
	"github.com/opensds/gelato/proto/catalogpb"
)

// writeExpired is the catalog's reason for a write that was given up.
const writeExpired = "WriteExpired"

const (
	batchMax     = 128
	batchLinger  = 2 * time.Millisecond
	catalogLimit = 20 * time.Second // of one call
)

// writes talks with the catalog for all attempts of this process: in batches, and with a renewal for whatever takes long.
type writes struct {
	catalog catalogpb.CatalogClient
	log     *slog.Logger
	problem *trouble.Log // of renewing
	begins  *batcher[*catalogpb.Intent, began]
	commits *batcher[commit, committed]
	deletes *batcher[deletion, error]

	mu   sync.Mutex
	open map[string]*grant
}

// grant is a write that was begun.
type grant struct {
	*catalogpb.Grant
	renewBy time.Time
}

type began struct {
	grant *grant
	err   error
}

type commit struct {
	item  *catalogpb.CommitRequest_Item
	alive func() error // asked right before the call
}

type committed struct {
	rev string
	err error
}

type deletion struct {
	bucket string
	item   *catalogpb.DeleteRequest_Item
	alive  func() error
}

func newWrites(c catalogpb.CatalogClient, log *slog.Logger) *writes {
	w := &writes{catalog: c, log: log, problem: trouble.New(log, "writes are not renewed"), open: make(map[string]*grant)}
	w.begins = newBatcher(batchMax, batchLinger, w.beginAll)
	w.commits = newBatcher(batchMax, batchLinger, w.commitAll)
	w.deletes = newBatcher(batchMax, batchLinger, w.deleteAll)
	return w
}

// run works until ctx ends; nobody may use w after that.
func (w *writes) run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { w.begins.run(ctx) })
	wg.Go(func() { w.commits.run(ctx) })
	wg.Go(func() { w.deletes.run(ctx) })
	for trouble.Sleep(ctx, time.Second) {
		w.renew(ctx)
	}
	wg.Wait()
}

// problem makes an error of a batch item's failure; nil for none.
func problem(f *catalogpb.Failure) error {
	if f.GetCode() == "" {
		return nil
	}
	return errs.New(codes(f.GetCode()), f.GetMessage(), nil).Because(f.GetReason())
}

// codes finds a code by its name.
func codes(name string) errs.Code {
	for c := errs.Canceled; c <= errs.Internal; c++ {
		if c.String() == name {
			return c
		}
	}
	return errs.Unknown
}

// begin draws a write. It is renewed until commit or abandon.
func (w *writes) begin(i *catalogpb.Intent) (*grant, error) {
	b := w.begins.get(i)
	return b.grant, ofService(b.err)
}

func (w *writes) beginAll(ctx context.Context, intents []*catalogpb.Intent) []began {
	out := make([]began, len(intents))
	asked := time.Now()
	ctx, cancel := context.WithTimeout(ctx, catalogLimit)
	defer cancel()
	r, err := w.catalog.Begin(ctx, &catalogpb.BeginRequest{Intents: intents})
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range out {
		switch {
		case err != nil:
			out[i].err = err
		case i >= len(r.GetGrants()):
			out[i].err = short()
		default:
			g := r.GetGrants()[i]
			if out[i].err = problem(g.GetFailure()); out[i].err == nil {
				out[i].grant = &grant{g, renewBy(asked, g.GetTtlMillis())}
				w.open[g.GetWriteId()] = out[i].grant
			}
		}
	}
	return out
}

func short() error { return errs.Newf(errs.Internal, "the catalog left an item of a batch out") }

func renewBy(asked time.Time, ttlMillis int64) time.Time {
	return asked.Add(time.Duration(ttlMillis) * time.Millisecond / 3)
}

func (w *writes) forget(g *grant) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, g.GetWriteId())
}

// renew prolongs the writes that a third of their time has passed for.
func (w *writes) renew(ctx context.Context) {
	asked := time.Now()
	var ids []string
	w.mu.Lock()
	for id, g := range w.open {
		if !asked.Before(g.renewBy) && len(ids) < 1000 {
			ids = append(ids, id)
		}
	}
	w.mu.Unlock()
	if len(ids) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, catalogLimit)
	defer cancel()
	r, err := w.catalog.Renew(ctx, &catalogpb.RenewRequest{WriteIds: ids})
	w.problem.Saw(ctx, err)
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, id := range ids {
		g := w.open[id]
		if g == nil {
			continue
		}
		if i < len(r.GetFailures()) {
			err := problem(r.GetFailures()[i])
			if errs.Retryable(err) && errs.ReasonOf(err) != writeExpired {
				continue // the next round tries again
			}
			if err != nil {
				delete(w.open, id) // its commit will say so
				continue
			}
		}
		g.renewBy = renewBy(asked, r.GetTtlMillis())
	}
}

// commit ends a write. alive is asked right before the catalog is. One whose outcome is not known is asked for again, which says the same if it
// was made: a new write would find its own object in the way.
func (w *writes) commit(ctx context.Context, g *grant, item *catalogpb.CommitRequest_Item, alive func() error) (string, error) {
	item.WriteId = g.GetWriteId()
	for n := 1; ; n++ {
		c := w.commits.get(commit{item, alive})
		if c.err == nil {
			w.forget(g)
			return c.rev, nil
		}
		if !errs.Retryable(c.err) || errs.ReasonOf(c.err) == writeExpired || n == tries || !trouble.Sleep(ctx, pause(n)) {
			return "", ofService(c.err)
		}
	}
}

func (w *writes) commitAll(ctx context.Context, all []commit) []committed {
	out := make([]committed, len(all))
	request := &catalogpb.CommitRequest{}
	var who []int
	for i, c := range all {
		if out[i].err = c.alive(); out[i].err == nil {
			request.Items, who = append(request.Items, c.item), append(who, i)
		}
	}
	if len(who) == 0 {
		return out
	}
	ctx, cancel := context.WithTimeout(ctx, catalogLimit)
	defer cancel()
	r, err := w.catalog.Commit(ctx, request)
	for n, i := range who {
		switch {
		case err != nil:
			out[i].err = err
		case n >= len(r.GetResults()):
			out[i].err = short()
		default:
			out[i].rev, out[i].err = r.GetResults()[n].GetRev(), problem(r.GetResults()[n].GetFailure())
		}
	}
	return out
}

// abandon gives a write up. It never fails: what it cannot do the catalog does when the write's time is over.
func (w *writes) abandon(ctx context.Context, g *grant) {
	if g == nil {
		return
	}
	w.forget(g)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if _, err := w.catalog.Abandon(ctx, &catalogpb.AbandonRequest{WriteIds: []string{g.GetWriteId()}}); err != nil {
		w.log.DebugContext(ctx, "a write was not abandoned", "err", err)
	}
}

// remove deletes an object of a bucket if it is still the revision that was read.
func (w *writes) remove(bucket, key, rev string, alive func() error) error {
	return ofService(w.deletes.get(deletion{bucket, &catalogpb.DeleteRequest_Item{Key: key, IfRev: rev}, alive}))
}

func (w *writes) deleteAll(ctx context.Context, all []deletion) []error {
	out := make([]error, len(all))
	requests := make(map[string]*catalogpb.DeleteRequest)
	who := make(map[string][]int)
	for i, d := range all {
		if out[i] = d.alive(); out[i] != nil {
			continue
		}
		r := requests[d.bucket]
		if r == nil {
			r = &catalogpb.DeleteRequest{Bucket: d.bucket}
			requests[d.bucket] = r
		}
		r.Items, who[d.bucket] = append(r.Items, d.item), append(who[d.bucket], i)
	}
	ctx, cancel := context.WithTimeout(ctx, catalogLimit)
	defer cancel()
	for bucket, request := range requests {
		r, err := w.catalog.Delete(ctx, request)
		for n, i := range who[bucket] {
			switch {
			case err != nil:
				out[i] = err
			case n < len(r.GetFailures()):
				out[i] = problem(r.GetFailures()[n])
			default:
				out[i] = short()
			}
		}
	}
	return out
}
