package s3

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/internal/trouble"
	"github.com/opensds/gelato/proto/identitypb"
	"github.com/opensds/gelato/s3/sigv4"
)

const (
	keyAge   = 2 * time.Second  // how old a cached access key may be
	keyGrace = 30 * time.Second // how much older while the api service does not answer
	keyLimit = 3 * time.Second  // of one call
	keyAgain = time.Second      // between calls that fail, for one key
	maxKeys  = 10_000
)

// keys finds access keys and remembers them for keyAge. Unknown keys are remembered too, so that guesses do not become calls. So a key that
// is disabled stops working within keyAge on every s3, and within keyAge and keyGrace on one that cannot reach the api service.
type keys struct {
	client  identitypb.IdentityClient
	box     *seal.Box
	now     func() time.Time
	problem *trouble.Log

	mu    sync.RWMutex
	known map[string]knownKey
}

type knownKey struct {
	id    sigv4.Identity
	err   error     // NotFound, or nil
	until time.Time // when to ask again
	last  time.Time // when to forget it, if nobody answers
}

func newKeys(client identitypb.IdentityClient, box *seal.Box, now func() time.Time, log *slog.Logger) *keys {
	return &keys{client: client, box: box, now: now, known: map[string]knownKey{}, problem: trouble.New(log, "access keys cannot be asked for")}
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
	switch {
	case err == nil || errs.Is(err, errs.NotFound):
		k.problem.Saw(ctx, nil)
		k.remember(accessKey, knownKey{id, err, now.Add(keyAge), now.Add(keyAge + keyGrace)})
		return id, err
	case errs.Retryable(err) && ctx.Err() == nil:
		k.problem.Saw(ctx, err)
		if ok && known.err == nil && k.now().Before(known.last) {
			k.putOff(accessKey, known)
			return known.id, nil
		}
	}
	return sigv4.Identity{}, fmt.Errorf("find access key: %w", err)
}

// putOff has a key that could not be asked for taken for known a little longer, unless another request was told something new meanwhile.
func (k *keys) putOff(accessKey string, was knownKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := k.known[accessKey]; now.until.Equal(was.until) {
		now.until = k.now().Add(keyAgain)
		k.known[accessKey] = now
	}
}

func (k *keys) remember(accessKey string, known knownKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.known) >= maxKeys {
		clear(k.known)
	}
	k.known[accessKey] = known
}

func (k *keys) fetch(ctx context.Context, accessKey string) (sigv4.Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, keyLimit)
	defer cancel()
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
