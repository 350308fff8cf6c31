package backend

import (
	"context"
	"sort"
	"strings"
	"time"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// index is the one document that says which backends there are. Everything that must be unique is in it (names, places, the
// default), so that one compare-and-set decides; what it does not name does not exist, whatever a crash left behind.
type index struct {
	DefaultID string  `bson:"default"`
	LocalMade bool    `bson:"localMade"` // EnsureDefault did its work once
	Entries   []entry `bson:"entries"`
}

// entry is one backend: its unique properties, and the revision of the record with the rest.
type entry struct {
	ID      string    `bson:"id"`
	Name    string    `bson:"name"`
	Place   place     `bson:"place"`
	Record  string    `bson:"record"`            // which record document holds
	Marked  bool      `bson:"marked"`            // the marker was left in the store
	Pending bool      `bson:"pending"`           // being registered: holds name and place, not yet visible
	Since   time.Time `bson:"since"`             // of Pending, or of Leaving
	Leaving string    `bson:"leaving,omitempty"` // names the Delete that is under way: nothing new is to be put there
}

const (
	indexCollection  = "backend_index"
	indexKey         = "index"
	recordCollection = "backends"
	healthCollection = "backend_health"

	// MaxBackends bounds the index document.
	MaxBackends = 1000
	// pendingLife is how long a registration or a removal may take. One that took longer died, or fails when it wants to settle.
	pendingLife = time.Minute
)

// record is the rest of a backend. Records never change: an update writes another one and points the index at it.
type record struct {
	Type       string            `bson:"type"`
	Region     string            `bson:"region,omitempty"`
	Endpoint   string            `bson:"endpoint,omitempty"`
	BucketName string            `bson:"bucketName"`
	Prefix     string            `bson:"prefix,omitempty"`
	Access     string            `bson:"access,omitempty"`
	Security   []byte            `bson:"security,omitempty"` // sealed for "backend/<id>"
	Options    map[string]string `bson:"options,omitempty"`
	Created    time.Time         `bson:"created"`
	Updated    time.Time         `bson:"updated"`
}

func recordKey(id, rev string) string { return docstore.Join(id, rev) }

// find returns the visible entry with this id or name.
func (x *index) find(idOrName string) (*entry, bool) {
	for i := range x.Entries {
		if e := &x.Entries[i]; !e.Pending && (e.ID == idOrName || e.Name == idOrName) {
			return e, true
		}
	}
	return nil, false
}

// byID returns the entry with this id, also one that is pending.
func (x *index) byID(id string) (*entry, bool) {
	for i := range x.Entries {
		if x.Entries[i].ID == id {
			return &x.Entries[i], true
		}
	}
	return nil, false
}

// stay ends a removal that did not come about.
func (e *entry) stay() { e.Leaving, e.Since = "", time.Time{} }

func (x *index) remove(id string) {
	for i := range x.Entries {
		if x.Entries[i].ID == id {
			x.Entries = append(x.Entries[:i], x.Entries[i+1:]...)
			break
		}
	}
	if x.DefaultID == id {
		x.DefaultID = ""
	}
}

// expire drops registrations and removals that never settled.
func (x *index) expire(now time.Time) (ids []string) {
	for i := 0; i < len(x.Entries); {
		if e := &x.Entries[i]; e.Leaving != "" && now.Sub(e.Since) > pendingLife {
			e.stay()
		}
		if e := x.Entries[i]; e.Pending && now.Sub(e.Since) > pendingLife {
			x.remove(e.ID)
			ids = append(ids, e.ID)
			continue
		}
		i++
	}
	return ids
}

// free says whether the backend id may have this name and this place.
func (x *index) free(id, name string, p place) error {
	for _, e := range x.Entries {
		if e.ID == id {
			continue
		}
		if e.Name == name {
			return errs.Newf(errs.AlreadyExists, "a backend named %q exists already", name).Because("NameTaken")
		}
		if e.Place.overlaps(p) {
			return errs.Newf(errs.AlreadyExists, "backend %q has this place already, or one that overlaps it (%s)", e.Name, e.Place).Because(ReasonPlaceTaken)
		}
	}
	return nil
}

// sorted returns the visible entries by name.
func (x *index) sorted() []entry {
	visible := make([]entry, 0, len(x.Entries))
	for _, e := range x.Entries {
		if !e.Pending {
			visible = append(visible, e)
		}
	}
	sort.Slice(visible, func(i, j int) bool { return visible[i].Name < visible[j].Name })
	return visible
}

// loadIndex returns the index and its revision, an empty one before the first write.
func (s *Service) loadIndex(ctx context.Context) (index, docstore.Rev, error) {
	x, rev, err := s.index.Get(ctx, indexKey)
	if errs.Is(err, errs.NotFound) {
		return index{}, "", nil
	}
	return x, rev, err
}

// changeIndex applies change to the newest index until a compare-and-set succeeds. change sees no expired registrations.
func (s *Service) changeIndex(ctx context.Context, change func(x *index) error) error {
	for {
		x, rev, err := s.loadIndex(ctx)
		if err != nil {
			return err
		}
		x.expire(s.now())
		if err := change(&x); err != nil {
			return err
		}
		if rev == "" {
			_, err = s.index.Insert(ctx, indexKey, x)
		} else {
			_, err = s.index.Replace(ctx, indexKey, rev, x)
		}
		if !errs.Is(err, errs.AlreadyExists) && !errs.Is(err, errs.FailedPrecondition) {
			return err
		}
	}
}

// load finds a backend with its record. A record may vanish under the reader when an update replaces it: then the index
// says another one.
func (s *Service) load(ctx context.Context, idOrName string) (index, entry, record, error) {
	for range 10 {
		x, _, err := s.loadIndex(ctx)
		if err != nil {
			return x, entry{}, record{}, err
		}
		e, ok := x.find(idOrName)
		if !ok {
			return x, entry{}, record{}, unknown(idOrName)
		}
		r, _, err := s.records.Get(ctx, recordKey(e.ID, e.Record))
		if !errs.Is(err, errs.NotFound) {
			return x, *e, r, err
		}
	}
	return index{}, entry{}, record{}, errs.Newf(errs.Unavailable, "backend %q is changing too fast to be read", idOrName)
}

func unknown(idOrName string) error {
	return errs.Newf(errs.NotFound, "there is no backend %q", strings.ToValidUTF8(idOrName, "?")).Because("NoSuchBackend")
}
