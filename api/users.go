package api

import (
	"context"
	"net/http"
	"regexp"
	"time"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

var userForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)

// userJSON is a user of REST.
type userJSON struct {
	Name       string     `json:"name"`
	CreateTime *time.Time `json:"createTime,omitempty"` // out only
}

func userOf(name string, u user) userJSON { return userJSON{name, &u.Created} }

func (s *Service) listUsers(w http.ResponseWriter, r *http.Request) error {
	after, limit, err := pageOf(r)
	if err != nil {
		return err
	}
	page := docstore.Range{Limit: limit + 1}
	if after != "" {
		page.From = docstore.After(after)
	}
	docs, err := s.users.List(r.Context(), page)
	if err != nil {
		return err
	}
	var items []userJSON
	for _, d := range docs[:min(limit, len(docs))] {
		items = append(items, userOf(d.Key, d.Value))
	}
	return writePage(w, items, len(docs) > limit, func(u userJSON) string { return u.Name })
}

func (s *Service) createUser(w http.ResponseWriter, r *http.Request) error {
	var in userJSON
	if err := readBody(w, r, &in); err != nil {
		return err
	}
	if !userForm.MatchString(in.Name) {
		return errs.Newf(errs.InvalidArgument, "name must be 1 to 64 letters, digits, '.', '_', '@' or '-', beginning with a letter or digit").Because("name")
	}
	u := user{Created: time.Now().UTC().Truncate(time.Millisecond)} // as BSON keeps it
	if _, err := s.users.Insert(r.Context(), in.Name, u); err != nil {
		if errs.Is(err, errs.AlreadyExists) {
			return errs.Newf(errs.AlreadyExists, "a user named %q exists already", in.Name).Because("NameTaken")
		}
		return err
	}
	return created(w, "users", in.Name, userOf(in.Name, u))
}

func (s *Service) getUser(w http.ResponseWriter, r *http.Request) error {
	name := param(r, "id")
	u, _, err := s.loadUser(r.Context(), name)
	if err != nil {
		return err
	}
	return ok(w, userOf(name, u))
}

// deleteUser removes a user without keys. The mark comes before the look for keys, and a new key looks at the user after it is stored:
// either sees the other.
func (s *Service) deleteUser(w http.ResponseWriter, r *http.Request) error {
	ctx, name := r.Context(), param(r, "id")
	if _, _, err := s.loadUser(ctx, name); err != nil {
		return err
	}
	if name == RootUser {
		return errs.Newf(errs.FailedPrecondition, "the root user cannot be removed").Because("Root")
	}
	_, rev, err := s.users.Update(ctx, name, func(u *user) error {
		u.Deleting = true
		return nil
	})
	if err != nil {
		return err
	}
	has := ""
	err = s.eachKey(ctx, func(access string, _ docstore.Rev, k key) error {
		if k.User == name {
			has = access
		}
		return nil
	})
	if err == nil && has == "" {
		err = s.users.Delete(ctx, name, rev)
		if err == nil {
			return noContent(w)
		}
	}
	s.users.Update(context.WithoutCancel(ctx), name, func(u *user) error { // else the next attempt goes on from here
		u.Deleting = false
		return nil
	})
	if err != nil {
		return err
	}
	return errs.Newf(errs.FailedPrecondition, "user %q still has the access key %s", name, has).Because("InUse")
}

func (s *Service) loadUser(ctx context.Context, name string) (user, docstore.Rev, error) {
	unknown := errs.Newf(errs.NotFound, "there is no such user").Because("NoSuchUser")
	if !userForm.MatchString(name) {
		return user{}, "", unknown
	}
	u, rev, err := s.users.Get(ctx, name)
	if errs.Is(err, errs.NotFound) {
		return u, rev, unknown
	}
	return u, rev, err
}
