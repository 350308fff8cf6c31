package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/seal"
)

// authenticated lets only callers with a known key through, before anything else is looked at.
func (s *Service) authenticated(do handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := s.authenticate(r); err != nil {
			if errs.Is(err, errs.Unauthenticated) {
				w.Header().Set("WWW-Authenticate", `Basic realm="gelato", charset="UTF-8"`)
			}
			return err
		}
		if t := chi.URLParam(r, "tenant"); t != tenant {
			return errs.Newf(errs.NotFound, "there is no tenant %q", strings.ToValidUTF8(t, "?")).Because("NoSuchTenant")
		}
		return do(w, r)
	}
}

func (s *Service) authenticate(r *http.Request) error {
	access, secret, ok := r.BasicAuth()
	if !ok {
		return errs.Newf(errs.Unauthenticated, "an access key and its secret key are needed, as HTTP Basic")
	}
	good, err := s.checkSecret(r.Context(), access, secret)
	if err != nil {
		return err
	}
	if !good {
		return errs.Newf(errs.Unauthenticated, "the access key or the secret key is wrong")
	}
	return nil
}

// decoy is a sealed secret that nobody knows: unknown keys are compared with it, so that they take as long as known ones.
type decoy struct{ sealed []byte }

const decoyContext = "key/"

func newDecoy(box *seal.Box) decoy {
	return decoy{box.Seal(decoyContext, []byte(rand.Text()+rand.Text()))}
}

// checkSecret says whether access is an enabled key with this secret.
func (s *Service) checkSecret(ctx context.Context, access, secret string) (bool, error) {
	sealed, at, enabled := s.decoy.sealed, decoyContext, false
	if accessForm.MatchString(access) {
		k, _, err := s.keys.Get(ctx, access)
		switch {
		case err == nil:
			sealed, at, enabled = k.Sealed, keyContext(access), k.Enabled
		case !errs.Is(err, errs.NotFound):
			return false, err
		}
	}
	want, err := s.box.Open(at, sealed)
	if err != nil {
		return false, err
	}
	a, b := sha256.Sum256([]byte(secret)), sha256.Sum256(want)
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && enabled, nil
}
