package s3

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/proto/identitypb"
	"github.com/opensds/gelato/s3/sigv4"
)

// keys finds access keys. One that is disabled stops working within answerAge on every s3, and within answerAge and answerGrace on one that cannot
// reach the api service.
type keys struct {
	client identitypb.IdentityClient
	box    *seal.Box
	known  *answers[string, sigv4.Identity]
}

func newKeys(client identitypb.IdentityClient, box *seal.Box, now func() time.Time, log *slog.Logger) *keys {
	k := &keys{client: client, box: box}
	k.known = newAnswers(k.fetch, now, log, "access keys cannot be asked for")
	return k
}

// maxAccessKey is the length of the longest access key, in bytes, as IAM has it.
const maxAccessKey = 128

// lookup implements sigv4.Lookup. What is too long for a key is none, and nothing of it is remembered.
func (k *keys) lookup(ctx context.Context, accessKey string) (sigv4.Identity, error) {
	if len(accessKey) > maxAccessKey {
		return sigv4.Identity{}, errs.Newf(errs.NotFound, "no such access key")
	}
	id, err := k.known.get(ctx, accessKey)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return sigv4.Identity{}, fmt.Errorf("find access key: %w", err)
	}
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
