package backend

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// ProbePrefix begins the keys of probe objects. A probe removes its own; one that a crash left behind is recognised by it.
const ProbePrefix = ".gelato-probe-"

// The steps of a probe, in their order. A read-only backend is opened, listed and read.
const (
	stepOpen      = "open" // connect, authenticate, and look for a marker
	stepWrite     = "write"
	stepRead      = "read"
	stepRange     = "range"
	stepList      = "list"
	stepMultipart = "multipart"
	stepDelete    = "delete"
)

const (
	probeBytes   = 1024
	cleanupLimit = 5 * time.Second
)

// probing is one run through the steps.
type probing struct {
	s      *Service
	id     string
	cfg    adapters.Config
	marked bool // the marker must be there
	store  adapters.Store
	key    string
	body   []byte
	upload string // open multipart upload
	wrote  bool
	done   []step
}

type step struct {
	name string
	took time.Duration
}

// probeError is a failed step. It is an errs.Error with reason "Probe" on the way out.
type probeError struct {
	step   string
	detail string // public
	err    error  // for logs; without secrets
}

func (e *probeError) Error() string { return e.step + ": " + e.err.Error() }
func (e *probeError) Unwrap() error { return e.err }

func (e *probeError) public() error {
	return errs.New(errs.FailedPrecondition, fmt.Sprintf("the probe failed at step %q: %s", e.step, e.detail), e.err).Because(ReasonProbe)
}

// probe goes through the steps until one fails: then the error is a *probeError, or AlreadyExists when the place is somebody else's. It leaves
// nothing behind, also when it fails, and ends within the probe's time limit and a few seconds for cleaning up.
func (s *Service) probe(ctx context.Context, id string, cfg adapters.Config, marked bool) (health, []step, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.o.ProbeTimeout, errSilent)
	defer cancel()
	p := &probing{s: s, id: id, cfg: cfg, marked: marked, key: ProbePrefix + randomHex(12), body: make([]byte, probeBytes)}
	rand.Read(p.body) // never fails
	defer p.cleanup(ctx)

	type stepFunc struct {
		name string
		do   func(context.Context) error
	}
	steps := []stepFunc{{stepOpen, p.open}, {stepWrite, p.write}, {stepRead, p.read}, {stepRange, p.readRange}, {stepList, p.list},
		{stepMultipart, p.multipart}, {stepDelete, p.remove}}
	if cfg.ReadOnly() {
		steps = []stepFunc{{stepOpen, p.open}, {stepList, p.listAny}, {stepRead, p.readAny}}
	}
	for _, st := range steps {
		if st.name == stepMultipart && !p.store.Capabilities().Multipart {
			continue
		}
		start := time.Now()
		if err := st.do(ctx); err != nil {
			return health{}, p.done, p.failure(ctx, st.name, err)
		}
		p.done = append(p.done, step{st.name, time.Since(start)})
	}
	can := p.store.Capabilities()
	return health{Ready: true, Probed: time.Now().UTC(), Capabilities: &can}, p.done, nil
}

var errSilent = errors.New("probe time limit")

// failure decides what a failed step is called outside.
func (p *probing) failure(ctx context.Context, name string, err error) error {
	if r := errs.ReasonOf(err); r == ReasonPlaceTaken || r == ReasonForeignMarker {
		return err
	}
	detail := publicText(err, p.cfg.Security)
	switch {
	case errors.Is(context.Cause(ctx), errSilent):
		detail = fmt.Sprintf("the store did not answer within %s", p.s.o.ProbeTimeout)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return &probeError{name, detail, errors.New(scrub(err.Error(), p.cfg.Security))}
}

// open opens a store as it is, without retries: a probe tells what one try does.
func (s *Service) open(ctx context.Context, cfg adapters.Config) (adapters.Store, error) {
	return s.types.Open(ctx, cfg, adapters.Deps{Log: s.o.Logger})
}

func (p *probing) open(ctx context.Context) error {
	st, err := p.s.open(ctx, p.cfg)
	if err != nil {
		return err
	}
	p.store = st
	m, _, err := readMarker(ctx, st)
	if err != nil {
		return err
	}
	if m == nil && p.marked && !p.cfg.ReadOnly() {
		return errs.Newf(errs.FailedPrecondition, "its %s is not there: this is not the place that was registered", MarkerKey)
	}
	return p.s.judgeMarker(ctx, p.id, m)
}

func (p *probing) write(ctx context.Context) error {
	p.wrote = true
	_, err := p.store.Put(ctx, p.key, bytes.NewReader(p.body), probeBytes, adapters.PutOptions{})
	return err
}

func (p *probing) read(ctx context.Context) error { return p.compare(ctx, adapters.Range{}, p.body) }

func (p *probing) readRange(ctx context.Context) error {
	return p.compare(ctx, adapters.Range{Offset: 100, Length: 50}, p.body[100:150])
}

func (p *probing) compare(ctx context.Context, r adapters.Range, want []byte) error {
	body, _, err := p.store.Get(ctx, p.key, r, "")
	if err != nil {
		return err
	}
	defer body.Close()
	got, err := io.ReadAll(io.LimitReader(body, probeBytes+1))
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return errs.Newf(errs.DataLoss, "it gave other bytes than were written")
	}
	return nil
}

func (p *probing) list(ctx context.Context) error {
	page, err := p.store.List(ctx, p.key, "", 10)
	if err != nil {
		return err
	}
	if len(page.Objects) != 1 || page.Objects[0].Key != p.key || page.Objects[0].Size != probeBytes {
		return errs.Newf(errs.FailedPrecondition, "the listing does not show what was written")
	}
	return nil
}

func (p *probing) multipart(ctx context.Context) error {
	var err error
	if p.upload, err = p.store.CreateUpload(ctx, p.key, adapters.PutOptions{}); err != nil {
		return err
	}
	part, err := p.store.PutPart(ctx, p.key, p.upload, 1, bytes.NewReader(p.body), probeBytes, adapters.Sums{})
	if err != nil {
		return err
	}
	if _, err := p.store.CompleteUpload(ctx, p.key, p.upload, []adapters.Part{part}, adapters.PutOptions{}); err != nil {
		return err
	}
	p.upload = ""
	return p.read(ctx)
}

func (p *probing) remove(ctx context.Context) error {
	if err := p.store.Delete(ctx, p.key, ""); err != nil {
		return err
	}
	if _, err := p.store.Head(ctx, p.key); !errs.Is(err, errs.NotFound) {
		if err == nil {
			err = errs.Newf(errs.FailedPrecondition, "what was deleted is still there")
		}
		return err
	}
	p.wrote = false
	return nil
}

// listAny lists whatever is there.
func (p *probing) listAny(ctx context.Context) error {
	_, err := p.store.List(ctx, "", "", 10)
	return err
}

// readAny reads a byte of the first object that has one.
func (p *probing) readAny(ctx context.Context) error {
	page, err := p.store.List(ctx, "", "", 10)
	if err != nil {
		return err
	}
	for _, o := range page.Objects {
		if o.Size == 0 {
			continue
		}
		body, _, err := p.store.Get(ctx, o.Key, adapters.Range{Length: 1}, "")
		if err != nil {
			return err
		}
		defer body.Close()
		_, err = io.ReadFull(body, make([]byte, 1))
		return err
	}
	return nil
}

// cleanup removes what a failed probe may have left and closes the store, with a little time of its own.
func (p *probing) cleanup(ctx context.Context) {
	if p.store == nil {
		return
	}
	defer p.store.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupLimit)
	defer cancel()
	var err error
	if p.upload != "" {
		err = p.store.AbortUpload(ctx, p.key, p.upload)
	}
	if p.wrote {
		err = errors.Join(err, p.store.Delete(ctx, p.key, ""))
	}
	if err != nil {
		p.s.o.Logger.WarnContext(ctx, "a probe object may be left", "backend", p.id, "key", p.key, "err", scrub(err.Error(), p.cfg.Security))
	}
}

// publicText is what may be said of a store's failure.
func publicText(err error, secret string) string {
	if errs.Is(err, errs.Unknown) {
		return "the store failed in an unknown way"
	}
	return scrub(errs.Public(err), secret)
}

// scrub takes a secret out of a text, should a store have put it there.
func scrub(text, secret string) string {
	if secret == "" {
		return text
	}
	for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
		text = strings.ReplaceAll(text, form, "***")
	}
	return text
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
