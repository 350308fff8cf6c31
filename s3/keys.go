package s3

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/proto/identitypb"
	"github.com/opensds/gelato/s3/sigv4"
)

const (
	keyAge  = 2 * time.Second // how old a cached access key may be
	maxKeys = 10_000
)

// keys finds access keys and remembers them for keyAge. Unknown keys are remembered too, so that guesses do not become calls.
type keys struct {
	client identitypb.IdentityClient
	box    *seal.Box
	now    func() time.Time

	mu    sync.RWMutex
	known map[string]knownKey
}

type knownKey struct {
	id    sigv4.Identity
	err   error // NotFound, or nil
	until time.Time
}

func newKeys(client identitypb.IdentityClient, box *seal.Box, now func() time.Time) *keys {
	return &keys{client: client, box: box, now: now, known: map[string]knownKey{}}
}

// lookup implements sigv4.Lookup.
func (k *keys) lookup(ctx context.Context, accessKey string) (sigv4.Identity, error) {
	now := k.now()
	k.mu.RLock()
	known, ok := k.known[accessKey]
	k.mu.RUnlock()
	if ok && now.Before(known.until) {
		return known.id, known.err
	}
	id, err := k.fetch(ctx, accessKey)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return sigv4.Identity{}, fmt.Errorf("find access key: %w", err)
	}
	k.mu.Lock()
	if len(k.known) >= maxKeys {
		clear(k.known)
	}
	k.known[accessKey] = knownKey{id, err, now.Add(keyAge)}
	k.mu.Unlock()
	return id, err
}

func (k *keys) fetch(ctx context.Context, accessKey string) (sigv4.Identity, error) {
	key, err := k.client.GetKey(ctx, &identitypb.GetKeyRequest{AccessKey: accessKey})
	if err != nil {
		if errs.Is(err, errs.InvalidArgument) { // no key can look like that
			err = errs.New(errs.NotFound, "no such access key", err)
		}
		return sigv4.Identity{}, err
	}
	if !key.Enabled {
		return sigv4.Identity{}, errs.Newf(errs.NotFound, "the access key is disabled")
	}
	secret, err := k.box.Open("key/"+accessKey, key.SealedSecret)
	if err != nil {
		return sigv4.Identity{}, fmt.Errorf("open secret of access key: %w", err)
	}
	return sigv4.Identity{Secret: string(secret), User: key.User, Tenant: key.Tenant}, nil
}
