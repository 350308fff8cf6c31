package backend

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// MarkerKey is the object that every backend carries under its prefix: it says whose place this is. Listings of a raw backend meet it.
const MarkerKey = ".gelato-backend"

const maxMarker = 4096

// marker is the content of MarkerKey.
type marker struct {
	Cluster string    `json:"cluster"`
	Backend string    `json:"backend"`
	Created time.Time `json:"created"`
}

// readMarker returns the marker and its native ETag; a nil marker when there is none.
func readMarker(ctx context.Context, st adapters.Store) (*marker, string, error) {
	body, info, err := st.Get(ctx, MarkerKey, adapters.Range{}, "")
	if errs.Is(err, errs.NotFound) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("get marker: %w", err)
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, maxMarker))
	if err != nil {
		return nil, "", fmt.Errorf("read marker: %w", err)
	}
	var m marker
	if err := json.Unmarshal(text, &m); err != nil || m.Cluster == "" {
		m = marker{} // somebody's all the same, and not ours
	}
	return &m, info.ETag, nil
}

// judgeMarker says whether the place that carries m may belong to backend id. A marker of this cluster whose backend is no more is a
// leftover and may be replaced.
func (s *Service) judgeMarker(ctx context.Context, id string, m *marker) error {
	switch {
	case m == nil || m.Cluster == s.cluster && m.Backend == id:
		return nil
	case m.Cluster != s.cluster:
		return errs.Newf(errs.AlreadyExists, "this place belongs to another Gelato: its %s says so", MarkerKey).Because(ReasonForeignMarker)
	}
	x, _, err := s.loadIndex(ctx)
	if err != nil {
		return err
	}
	x.expire(s.now())
	if e, ok := x.byID(m.Backend); ok {
		return errs.Newf(errs.AlreadyExists, "this place is that of backend %q already, reached another way", e.Name).Because(ReasonPlaceTaken)
	}
	return nil
}

// leaveMarker makes the place that of backend id. Of several who try at the same time one wins, where the store has conditions. fresh is
// false when the marker of id was there already.
func (s *Service) leaveMarker(ctx context.Context, id string, st adapters.Store) (fresh bool, err error) {
	text, err := json.Marshal(marker{Cluster: s.cluster, Backend: id, Created: time.Now().UTC()})
	if err != nil {
		return false, err
	}
	for range 3 {
		m, etag, err := readMarker(ctx, st)
		if err != nil {
			return false, err
		}
		if err := s.judgeMarker(ctx, id, m); err != nil {
			return false, err
		}
		if m != nil && m.Backend == id {
			return false, nil
		}
		o := adapters.PutOptions{Headers: adapters.ContentHeaders{ContentType: "application/json"}}
		if st.Capabilities().ConditionalPut {
			o.IfNoneMatch, o.IfMatch = m == nil, etag
		}
		_, err = st.Put(ctx, MarkerKey, bytes.NewReader(text), int64(len(text)), o)
		if !errs.Is(err, errs.AlreadyExists) && !errs.Is(err, errs.FailedPrecondition) {
			if err != nil {
				return false, fmt.Errorf("put marker: %w", err)
			}
			return true, nil
		}
	}
	return false, errs.Newf(errs.FailedPrecondition, "somebody else is registering this place right now").Because(ReasonPlaceTaken)
}

// removeMarker takes the marker of backend id away, and nobody else's.
func (s *Service) removeMarker(ctx context.Context, id string, st adapters.Store) error {
	m, etag, err := readMarker(ctx, st)
	if err != nil || m == nil || m.Cluster != s.cluster || m.Backend != id {
		return err
	}
	return st.Delete(ctx, MarkerKey, etag)
}
