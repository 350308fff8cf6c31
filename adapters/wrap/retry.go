package wrap

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// RetryOptions says how Retry repeats. The zero value is good.
type RetryOptions struct {
	Attempts int           // calls in all; 0 means 4
	Base     time.Duration // bound of the first pause, doubled for each further one; 0 means 100 ms
	Max      time.Duration // bound of every pause; 0 means 5 s
}

// Retry repeats calls whose errors are errs.Retryable, after pauses drawn evenly from zero to a bound that doubles.
//
//   - A body of Put or PutPart is sent again only when it can seek; else there is one attempt.
//   - Get repeats until the body is open; a body that breaks is the reader's to resume.
//   - A conditional write whose first attempt may have succeeded and whose next one is told that the condition does not hold
//     answers Unavailable with reason "OutcomeUnknown": whether the object is the caller's own, only the caller can find out.
//   - CreateUpload may leave behind an upload that nobody knows, as a crash may.
func Retry(s adapters.Store, o RetryOptions) adapters.Store {
	if o.Attempts <= 0 {
		o.Attempts = 4
	}
	if o.Base <= 0 {
		o.Base = 100 * time.Millisecond
	}
	if o.Max <= 0 {
		o.Max = 5 * time.Second
	}
	return &retrying{Store: s, o: o}
}

type retrying struct {
	adapters.Store
	o RetryOptions
}

// pause is the longest pause before attempt n+1.
func (r *retrying) pause(n int) time.Duration {
	d := r.o.Base
	for range n - 1 {
		if d *= 2; d >= r.o.Max {
			return r.o.Max
		}
	}
	return min(d, r.o.Max)
}

// do calls until it succeeds or there is no point in going on. rewind, when set, is called before every attempt but the first.
func (r *retrying) do(ctx context.Context, rewind func() error, call func() error) error {
	for n := 1; ; n++ {
		err := call()
		if err == nil || !errs.Retryable(err) || unsure(err) || n >= r.o.Attempts || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(rand.N(r.pause(n))):
		case <-ctx.Done():
			return fmt.Errorf("%w, while waiting to repeat after: %v", context.Cause(ctx), err)
		}
		if rewind != nil {
			if err := rewind(); err != nil {
				return fmt.Errorf("rewind body: %w", err)
			}
		}
	}
}

// send is do for calls with a body; one that cannot seek is sent once.
func (r *retrying) send(ctx context.Context, body io.Reader, call func() error) error {
	rewind := seekStart(body)
	if rewind == nil {
		return call()
	}
	return r.do(ctx, rewind, call)
}

// doubt remembers whether an earlier attempt of a write may have succeeded.
type doubt struct{ any bool }

// judge looks at the outcome of an attempt. settled lists the codes that a write answers after it has succeeded before.
func (d *doubt) judge(err error, settled ...errs.Code) error {
	code := errs.CodeOf(err)
	if err == nil {
		return nil
	}
	for _, c := range settled {
		if d.any && code == c {
			return errs.New(errs.Unavailable, "an earlier attempt of this write may have succeeded", err).Because("OutcomeUnknown")
		}
	}
	if code == errs.Unavailable || code == errs.DeadlineExceeded { // ResourceExhausted is a clear no
		d.any = true
	}
	return err
}

// unsure reports whether an error came from judge: to repeat the call would tell nothing more.
func unsure(err error) bool { return errs.ReasonOf(err) == "OutcomeUnknown" }

// Put implements adapters.Store.
func (r *retrying) Put(ctx context.Context, key string, body io.Reader, size int64, o adapters.PutOptions) (info adapters.Info, err error) {
	var d doubt
	err = r.send(ctx, body, func() error {
		info, err = r.Store.Put(ctx, key, body, size, o)
		if o.IfNoneMatch || o.IfMatch != "" {
			err = d.judge(err, errs.AlreadyExists, errs.FailedPrecondition)
		}
		return err
	})
	return info, err
}

// Get implements adapters.Store.
func (r *retrying) Get(ctx context.Context, key string, rg adapters.Range, ifMatch string) (body io.ReadCloser, info adapters.Info, err error) {
	err = r.do(ctx, nil, func() error {
		body, info, err = r.Store.Get(ctx, key, rg, ifMatch)
		return err
	})
	return body, info, err
}

// Head implements adapters.Store.
func (r *retrying) Head(ctx context.Context, key string) (info adapters.Info, err error) {
	err = r.do(ctx, nil, func() error {
		info, err = r.Store.Head(ctx, key)
		return err
	})
	return info, err
}

// Delete implements adapters.Store. Repeated with IfMatch it is sure all the same: what was deleted is absent, which is no error, and
// another object in its place is rightly refused.
func (r *retrying) Delete(ctx context.Context, key, ifMatch string) error {
	return r.do(ctx, nil, func() error { return r.Store.Delete(ctx, key, ifMatch) })
}

// Copy implements adapters.Store.
func (r *retrying) Copy(ctx context.Context, key, from, ifMatch string, o adapters.PutOptions) (info adapters.Info, err error) {
	var d doubt
	err = r.do(ctx, nil, func() error {
		info, err = r.Store.Copy(ctx, key, from, ifMatch, o)
		if o.IfNoneMatch || o.IfMatch != "" {
			err = d.judge(err, errs.AlreadyExists, errs.FailedPrecondition)
		}
		return err
	})
	return info, err
}

// List implements adapters.Store.
func (r *retrying) List(ctx context.Context, prefix, after string, limit int) (page adapters.Page, err error) {
	err = r.do(ctx, nil, func() error {
		page, err = r.Store.List(ctx, prefix, after, limit)
		return err
	})
	return page, err
}

// CreateUpload implements adapters.Store.
func (r *retrying) CreateUpload(ctx context.Context, key string, o adapters.PutOptions) (id string, err error) {
	err = r.do(ctx, nil, func() error {
		id, err = r.Store.CreateUpload(ctx, key, o)
		return err
	})
	return id, err
}

// PutPart implements adapters.Store.
func (r *retrying) PutPart(ctx context.Context, key, uploadID string, n int, body io.Reader, size int64, sums adapters.Sums) (part adapters.Part, err error) {
	err = r.send(ctx, body, func() error {
		part, err = r.Store.PutPart(ctx, key, uploadID, n, body, size, sums)
		return err
	})
	return part, err
}

// CompleteUpload implements adapters.Store. A store answers the same Info twice; where the object was overwritten between the
// attempts, the outcome is unknown.
func (r *retrying) CompleteUpload(ctx context.Context, key, uploadID string, parts []adapters.Part, o adapters.PutOptions) (info adapters.Info, err error) {
	var d doubt
	err = r.do(ctx, nil, func() error {
		info, err = r.Store.CompleteUpload(ctx, key, uploadID, parts, o)
		err = d.judge(err, errs.NotFound, errs.AlreadyExists, errs.FailedPrecondition)
		return err
	})
	return info, err
}

// AbortUpload implements adapters.Store.
func (r *retrying) AbortUpload(ctx context.Context, key, uploadID string) error {
	return r.do(ctx, nil, func() error { return r.Store.AbortUpload(ctx, key, uploadID) })
}

// ListUploads implements adapters.Store.
func (r *retrying) ListUploads(ctx context.Context, prefix string, limit int) (uploads []adapters.Upload, err error) {
	err = r.do(ctx, nil, func() error {
		uploads, err = r.Store.ListUploads(ctx, prefix, limit)
		return err
	})
	return uploads, err
}
