package s3

import (
	"context"
	"fmt"
	"sync"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/catalog"
)

const maxParsed = 10_000 // settings kept parsed

// The names of settings.
const (
	aclSetting          = "acl"
	policySetting       = "policy"
	publicAccessSetting = "publicAccessBlock"
	encryptionSetting   = catalog.EncryptionSetting
)

// parsedSettings keeps what was parsed of the settings of buckets. A setting is immutable for one revision, so nothing in here grows old.
type parsedSettings struct {
	mu    sync.RWMutex
	known map[parsedKey]any
}

type parsedKey struct {
	bucketID, name string
	rev            docstore.Rev
}

// settingOf is a setting of a bucket, parsed; nil when the bucket has none of this name. The result is shared: do not change it.
func settingOf[T any](ctx context.Context, s *Service, b catalog.Bucket, name string, parse func([]byte) (*T, error)) (*T, error) {
	for try := 0; ; try++ {
		rev, ok := b.Settings[name]
		if !ok {
			return nil, nil
		}
		k := parsedKey{b.ID, name, rev}
		s.settings.mu.RLock()
		v, ok := s.settings.known[k]
		s.settings.mu.RUnlock()
		if ok {
			return v.(*T), nil
		}
		raw, err := s.catalog.Setting(ctx, b, name)
		if errs.ReasonOf(err) == "NoSuchSetting" && try == 0 { // changed since b was read
			if b, err = s.catalog.Bucket(ctx, b.Name); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		t, err := parse(raw)
		if err != nil {
			return nil, errs.New(errs.DataLoss, "a setting of the bucket cannot be read", fmt.Errorf("parse %s: %w", name, err))
		}
		s.settings.keep(k, t)
		return t, nil
	}
}

func (p *parsedSettings) keep(k parsedKey, v any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil || len(p.known) >= maxParsed {
		p.known = map[parsedKey]any{}
	}
	p.known[k] = v
}

// putSetting stores one setting of a bucket; nil bytes remove it.
func (s *Service) putSetting(ctx context.Context, b catalog.Bucket, name string, value []byte) error {
	_, err := s.catalog.SetSettings(ctx, b, map[string][]byte{name: value})
	return err
}
