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
	user, err := s.checkSecret(r.Context(), access, secret)
	switch {
	case err != nil:
		return err
	case user == "":
		return errs.Newf(errs.Unauthenticated, "the access key or the secret key is wrong")
	case user != RootUser:
		return errs.Newf(errs.PermissionDenied, "only keys of the user %s may use REST; the user %s has S3", RootUser, user).Because("NotRoot")
	}
	return nil
}

// decoy is a sealed secret that nobody knows: unknown keys are compared with it, so that they take as long as known ones.
type decoy struct{ sealed []byte }

const decoyContext = "key/"

func newDecoy(box *seal.Box) decoy {
	return decoy{box.Seal(decoyContext, []byte(rand.Text()+rand.Text()))}
}

// checkSecret returns the user of access if that is an enabled key with this secret, else "".
func (s *Service) checkSecret(ctx context.Context, access, secret string) (user string, err error) {
	sealed, at := s.decoy.sealed, decoyContext
	if accessForm.MatchString(access) {
		k, _, err := s.keys.Get(ctx, access)
		switch {
		case err == nil:
			sealed, at = k.Sealed, keyContext(access)
			if k.Enabled {
				user = k.User
			}
		case !errs.Is(err, errs.NotFound):
			return "", err
		}
	}
	want, err := s.box.Open(at, sealed)
	if err != nil {
		return "", err
	}
	a, b := sha256.Sum256([]byte(secret)), sha256.Sum256(want)
	if subtle.ConstantTimeCompare(a[:], b[:]) != 1 {
		return "", nil
	}
	return user, nil
}
