package scheduler

import (
	"strings"
	"time"

	"github.com/opensds/gelato/internal/glob"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// scope says which objects of a source a plan is about. Prefixes and patterns are compared with whole keys.
type scope struct {
	prefix           string // that the listing is asked for
	empty            bool   // no key can be in scope
	filter           *dataflowpb.Filter
	older, newer     time.Time // zero: no limit
	minSize, maxSize *int64    // nil: no limit
}

func newScope(p *dataflowpb.Plan) (scope, error) {
	f := p.GetFilter()
	s := scope{filter: f, prefix: p.GetSource().GetPrefix()}
	switch {
	case strings.HasPrefix(f.GetPrefix(), s.prefix):
		s.prefix = f.GetPrefix()
	case !strings.HasPrefix(s.prefix, f.GetPrefix()):
		s.empty = true
	}
	if f != nil {
		s.minSize, s.maxSize = f.MinSize, f.MaxSize
	}
	var err error
	if s.older, err = fixedTime(f.GetOlderThan()); err != nil {
		return s, err
	}
	s.newer, err = fixedTime(f.GetNewerThan())
	return s, err
}

// fixedTime reads a time of a job's snapshot, where dataflow has made relative ones absolute.
func fixedTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339, text)
}

func (s *scope) has(key string, size int64, modified time.Time) bool {
	switch {
	case s.minSize != nil && size < *s.minSize, s.maxSize != nil && size > *s.maxSize:
		return false
	case !s.older.IsZero() && !modified.Before(s.older), !s.newer.IsZero() && !modified.After(s.newer):
		return false
	case len(s.filter.GetInclude()) > 0 && !glob.Any(s.filter.GetInclude(), key):
		return false
	}
	return !glob.Any(s.filter.GetExclude(), key)
}
