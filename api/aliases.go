package api

import (
	"context"
	"strings"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/userid"
)

// aliasCollection holds by what else than the name a user is found: the canonical id and the email address.
const aliasCollection = "useraliases"

// alias is the document of an alias. That of an id is always true, as the id follows from the name; the user may be gone or not be there yet.
// That of an email address counts if the user's document names the address too.
type alias struct {
	User string `bson:"user"`
}

func idKey(id string) string       { return docstore.Join("id", id) }
func emailKey(email string) string { return docstore.Join("email", strings.ToLower(email)) }

// noteID makes a user findable by the canonical id. It comes before the user's document.
func (s *Service) noteID(ctx context.Context, name string) error {
	_, err := s.aliases.Insert(ctx, idKey(userid.Of(name)), alias{name})
	if errs.Is(err, errs.AlreadyExists) {
		return nil
	}
	return err
}

// noteIDs does it for the users of a state that is older than canonical ids.
func (s *Service) noteIDs(ctx context.Context) error {
	for from := ""; ; {
		page, err := s.users.List(ctx, docstore.Range{From: from, Limit: maxLimit})
		if err != nil {
			return err
		}
		keys := make([]string, len(page))
		for i, d := range page {
			keys[i] = idKey(userid.Of(d.Key))
		}
		noted, err := s.aliases.GetMany(ctx, keys)
		if err != nil {
			return err
		}
		for i, d := range page {
			if noted[i].Rev == "" {
				if err := s.noteID(ctx, d.Key); err != nil {
					return err
				}
			}
			from = docstore.After(d.Key)
		}
		if len(page) < maxLimit {
			return nil
		}
	}
}

// nameOfID returns the name that a canonical id is made of. There need not be such a user any more.
func (s *Service) nameOfID(ctx context.Context, id string) (string, error) {
	a, _, err := s.aliases.Get(ctx, idKey(id))
	if errs.Is(err, errs.NotFound) {
		return "", errNoUser()
	}
	return a.User, err
}

// userOfEmail finds the user with an email address.
func (s *Service) userOfEmail(ctx context.Context, email string) (name string, _ user, _ error) {
	a, _, err := s.aliases.Get(ctx, emailKey(email))
	if err == nil {
		var u user
		if u, _, err = s.users.Get(ctx, a.User); err == nil && strings.EqualFold(u.Email, email) {
			return a.User, u, nil
		}
	}
	if err == nil || errs.Is(err, errs.NotFound) {
		err = errNoUser()
	}
	return "", user{}, err
}

// emailFree refuses an email address that another user has.
func (s *Service) emailFree(ctx context.Context, email, name string) error {
	if email == "" {
		return nil
	}
	other, _, err := s.userOfEmail(ctx, email)
	switch {
	case errs.Is(err, errs.NotFound):
		return nil
	case err == nil && other != name:
		return errs.Newf(errs.AlreadyExists, "another user has the email address %s", email).Because("EmailTaken")
	}
	return err
}

// claimEmail makes an email address that the user's document names already the user's own; AlreadyExists when another user came first. Of two who
// claim at once one wins: who has the alias already draws a new revision for it, so that nobody takes it over on what he read before the user's
// document named the address.
func (s *Service) claimEmail(ctx context.Context, email, name string) error {
	if email == "" {
		return nil
	}
	for {
		_, rev, err := s.aliases.Get(ctx, emailKey(email))
		if err == nil || errs.Is(err, errs.NotFound) {
			if err := s.emailFree(ctx, email, name); err != nil {
				return err
			}
		}
		switch {
		case errs.Is(err, errs.NotFound):
			_, err = s.aliases.Insert(ctx, emailKey(email), alias{name})
		case err == nil:
			_, err = s.aliases.Replace(ctx, emailKey(email), rev, alias{name})
		}
		if !errs.Is(err, errs.AlreadyExists) && !errs.Is(err, errs.FailedPrecondition) {
			return err
		}
	}
}

// releaseEmail gives up an email address that the user had, unless the user has it again.
func (s *Service) releaseEmail(ctx context.Context, email, name string) error {
	if email == "" {
		return nil
	}
	a, rev, err := s.aliases.Get(ctx, emailKey(email))
	if errs.Is(err, errs.NotFound) || err == nil && a.User != name {
		return nil
	}
	if err != nil {
		return err
	}
	u, _, err := s.users.Get(ctx, name)
	if err == nil && strings.EqualFold(u.Email, email) {
		return nil
	}
	if err != nil && !errs.Is(err, errs.NotFound) {
		return err
	}
	err = s.aliases.Delete(ctx, emailKey(email), rev)
	if errs.Is(err, errs.FailedPrecondition) {
		return nil // claimed meanwhile
	}
	return err
}
