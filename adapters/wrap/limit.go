package wrap

import (
	"context"
	"io"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// Limits says how long calls may take. Zero fields mean the defaults.
type Limits struct {
	Call     time.Duration // every call without a body, and Get until its body is open; 0 means 30 s
	Stall    time.Duration // a body without a byte of progress; 0 means 30 s
	Finish   time.Duration // from the end of a body until the store has it safe; 0 means 5 min
	Complete time.Duration // Copy, and CompleteUpload, in which a store may copy all parts; 0 means 1 h
}

// Limit ends calls that take too long with DeadlineExceeded, by ending the context that the store inside gets. A transfer has no limit as a whole, it may
// only not stand still.
//
// For Put the store's and the body's standing still are one; a body that blocks must have a limit of its own to be interrupted. For Get only the store's
// time counts, not the reader's. A body with io.WriterTo, which comes from a local file, has no limit while WriteTo runs.
func Limit(s adapters.Store, l Limits) adapters.Store {
	fill := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	fill(&l.Call, 30*time.Second)
	fill(&l.Stall, 30*time.Second)
	fill(&l.Finish, 5*time.Minute)
	fill(&l.Complete, time.Hour)
	return &limited{Store: s, l: l}
}

type limited struct {
	adapters.Store
	l Limits
}

// errLate is the cause with which a watch ends its context.
type errLate struct{ what string }

func (e errLate) Error() string { return e.what }

// watch is a context that ends unless somebody shows progress in time.
type watch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

func newWatch(ctx context.Context, limit time.Duration, what string) *watch {
	ctx, cancel := context.WithCancelCause(ctx)
	return &watch{ctx: ctx, cancel: cancel, timer: time.AfterFunc(limit, func() { cancel(errLate{what}) })}
}

func (w *watch) stop() {
	w.timer.Stop()
	w.cancel(context.Canceled)
}

// judge makes an error that came because the watch ran out DeadlineExceeded; others stay.
func (w *watch) judge(err error) error {
	if err == nil {
		return nil
	}
	if late, ok := context.Cause(w.ctx).(errLate); ok {
		return errs.New(errs.DeadlineExceeded, late.what, err).Because("Stalled")
	}
	return err
}

func (l *limited) call(ctx context.Context, limit time.Duration, call func(ctx context.Context) error) error {
	w := newWatch(ctx, limit, "the store did not answer in time")
	defer w.stop()
	return w.judge(call(w.ctx))
}

// send runs a call that reads a body of size bytes, or -1.
func (l *limited) send(ctx context.Context, body io.Reader, size int64, call func(ctx context.Context, body io.Reader) error) error {
	w := newWatch(ctx, l.l.Stall, "the transfer stood still")
	defer w.stop()
	watched := &sending{src: body, size: size, w: w, l: &l.l}
	if s, ok := body.(io.Seeker); ok {
		return w.judge(call(w.ctx, &seekableSending{watched, s}))
	}
	return w.judge(call(w.ctx, watched))
}

// sending is a body on its way to the store; every byte read from it is progress.
type sending struct {
	src     io.Reader
	size, n int64 // -1 where unknown; bytes read since the last Seek
	w       *watch
	l       *Limits
}

// Read implements io.Reader.
func (s *sending) Read(p []byte) (int, error) {
	if err := ended(s.w.ctx); err != nil {
		return 0, err
	}
	n, err := s.src.Read(p)
	s.n += int64(n)
	switch {
	case err == io.EOF, s.n == s.size:
		s.w.timer.Reset(s.l.Finish)
	case n > 0:
		s.w.timer.Reset(s.l.Stall)
	}
	return n, err
}

// seekableSending is a body that a store may rewind.
type seekableSending struct {
	*sending
	seeker io.Seeker
}

// Seek implements io.Seeker.
func (s *seekableSending) Seek(offset int64, whence int) (int64, error) {
	s.n = 0
	return s.seeker.Seek(offset, whence)
}

// Put implements adapters.Store.
func (l *limited) Put(ctx context.Context, key string, body io.Reader, size int64, o adapters.PutOptions) (info adapters.Info, err error) {
	err = l.send(ctx, body, size, func(ctx context.Context, body io.Reader) error {
		info, err = l.Store.Put(ctx, key, body, size, o)
		return err
	})
	return info, err
}

// Get implements adapters.Store.
func (l *limited) Get(ctx context.Context, key string, r adapters.Range, ifMatch string) (io.ReadCloser, adapters.Info, error) {
	w := newWatch(ctx, l.l.Call, "the store did not answer in time")
	src, info, err := l.Store.Get(w.ctx, key, r, ifMatch)
	if err != nil {
		err = w.judge(err)
		w.stop()
		return nil, info, err
	}
	w.timer.Stop()
	b := &receiving{src: src, w: newWatchOn(w, l.l.Stall), stall: l.l.Stall}
	if wt, ok := src.(io.WriterTo); ok {
		return &copyingReceiving{b, wt}, info, nil
	}
	return b, info, nil
}

// newWatchOn is a watch for the body of a call that has answered; its timer does not run yet.
func newWatchOn(w *watch, limit time.Duration) *watch {
	n := &watch{ctx: w.ctx, cancel: w.cancel}
	n.timer = time.AfterFunc(limit, func() { n.cancel(errLate{"the transfer stood still"}) })
	n.timer.Stop()
	return n
}

// receiving is a body that comes from the store. The timer runs only while somebody waits for bytes.
type receiving struct {
	src   io.ReadCloser
	w     *watch
	stall time.Duration
}

// Read implements io.Reader.
func (r *receiving) Read(p []byte) (int, error) {
	r.w.timer.Reset(r.stall)
	n, err := r.src.Read(p)
	r.w.timer.Stop()
	if err != nil && err != io.EOF {
		err = r.w.judge(err)
	}
	return n, err
}

// Close implements io.Closer.
func (r *receiving) Close() error {
	err := r.src.Close()
	r.w.stop()
	return err
}

type copyingReceiving struct {
	*receiving
	io.WriterTo
}

// Head implements adapters.Store.
func (l *limited) Head(ctx context.Context, key string) (info adapters.Info, err error) {
	err = l.call(ctx, l.l.Call, func(ctx context.Context) error {
		info, err = l.Store.Head(ctx, key)
		return err
	})
	return info, err
}

// Delete implements adapters.Store.
func (l *limited) Delete(ctx context.Context, key, ifMatch string) error {
	return l.call(ctx, l.l.Call, func(ctx context.Context) error { return l.Store.Delete(ctx, key, ifMatch) })
}

// Copy implements adapters.Store.
func (l *limited) Copy(ctx context.Context, key, from, ifMatch string, o adapters.PutOptions) (info adapters.Info, err error) {
	err = l.call(ctx, l.l.Complete, func(ctx context.Context) error {
		info, err = l.Store.Copy(ctx, key, from, ifMatch, o)
		return err
	})
	return info, err
}

// List implements adapters.Store.
func (l *limited) List(ctx context.Context, prefix, after string, limit int) (page adapters.Page, err error) {
	err = l.call(ctx, l.l.Call, func(ctx context.Context) error {
		page, err = l.Store.List(ctx, prefix, after, limit)
		return err
	})
	return page, err
}

// CreateUpload implements adapters.Store.
func (l *limited) CreateUpload(ctx context.Context, key string, o adapters.PutOptions) (id string, err error) {
	err = l.call(ctx, l.l.Call, func(ctx context.Context) error {
		id, err = l.Store.CreateUpload(ctx, key, o)
		return err
	})
	return id, err
}

// PutPart implements adapters.Store.
func (l *limited) PutPart(ctx context.Context, key, uploadID string, n int, body io.Reader, size int64, sums adapters.Sums) (part adapters.Part, err error) {
	err = l.send(ctx, body, size, func(ctx context.Context, body io.Reader) error {
		part, err = l.Store.PutPart(ctx, key, uploadID, n, body, size, sums)
		return err
	})
	return part, err
}

// CompleteUpload implements adapters.Store.
func (l *limited) CompleteUpload(ctx context.Context, key, uploadID string, parts []adapters.Part, o adapters.PutOptions) (info adapters.Info, err error) {
	err = l.call(ctx, l.l.Complete, func(ctx context.Context) error {
		info, err = l.Store.CompleteUpload(ctx, key, uploadID, parts, o)
		return err
	})
	return info, err
}

// AbortUpload implements adapters.Store.
func (l *limited) AbortUpload(ctx context.Context, key, uploadID string) error {
	return l.call(ctx, l.l.Call, func(ctx context.Context) error { return l.Store.AbortUpload(ctx, key, uploadID) })
}

// ListUploads implements adapters.Store.
func (l *limited) ListUploads(ctx context.Context, prefix string, limit int) (uploads []adapters.Upload, err error) {
	err = l.call(ctx, l.l.Call, func(ctx context.Context) error {
		uploads, err = l.Store.ListUploads(ctx, prefix, limit)
		return err
	})
	return uploads, err
}
