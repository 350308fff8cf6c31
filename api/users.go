package api

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/userid"
)

const (
	maxDisplayName = 128 // bytes
	maxEmail       = 254 // bytes, of RFC 5321
)

var (
	userForm  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)
	emailForm = regexp.MustCompile("^[A-Za-z0-9.!#$%&'*+/?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\\.[A-Za-z0-9-]{1,63})*$")
)

// userJSON is a user of REST.
type userJSON struct {
	Name        string     `json:"name"`
	CanonicalID string     `json:"canonicalId,omitempty"` // out only
	DisplayName string     `json:"displayName"`           // the name, unless given
	Email       string     `json:"email,omitempty"`
	CreateTime  *time.Time `json:"createTime,omitempty"` // out only
}

func userOf(name string, u user) userJSON {
	return userJSON{Name: name, CanonicalID: userid.Of(name), DisplayName: u.displayName(name), Email: u.Email, CreateTime: &u.Created}
}

// check refuses a display name or an email address that no user can have.
func (u *userJSON) check() error {
	if len(u.DisplayName) > maxDisplayName || !utf8.ValidString(u.DisplayName) || strings.ContainsFunc(u.DisplayName, unicode.IsControl) {
		return errs.Newf(errs.InvalidArgument, "displayName must have up to %d bytes and no control characters", maxDisplayName).Because("displayName")
	}
	if u.Email != "" && (len(u.Email) > maxEmail || !emailForm.MatchString(u.Email)) {
		return errs.Newf(errs.InvalidArgument, "email must be an address such as ann@example.com").Because("email")
	}
	return nil
}

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
	ctx := r.Context()
	var in userJSON
	if err := readBody(w, r, &in); err != nil {
		return err
	}
	if !userForm.MatchString(in.Name) || userid.Valid(in.Name) {
		return errs.Newf(errs.InvalidArgument, "name must be 1 to 64 letters, digits, '.', '_', '@' or '-', beginning with a letter or digit, and no canonical id").Because("name")
	}
	if in.CanonicalID != "" {
		return errs.Newf(errs.InvalidArgument, "canonicalId follows from the name and is not given").Because("canonicalId")
	}
	if err := in.check(); err != nil {
		return err
	}
	if err := s.emailFree(ctx, in.Email, in.Name); err != nil {
		return err
	}
	if err := s.noteID(ctx, in.Name); err != nil {
		return err
	}
	u := user{Created: time.Now().UTC().Truncate(time.Millisecond), DisplayName: in.DisplayName, Email: in.Email} // as BSON keeps it
	rev, err := s.users.Insert(ctx, in.Name, u)
	if err != nil {
		if errs.Is(err, errs.AlreadyExists) {
			return errs.Newf(errs.AlreadyExists, "a user named %q exists already", in.Name).Because("NameTaken")
		}
		return err
	}
	if err := s.claimEmail(ctx, in.Email, in.Name); err != nil {
		s.users.Delete(context.WithoutCancel(ctx), in.Name, rev)
		return err
	}
	return created(w, "users", in.Name, userOf(in.Name, u))
}

func (s *Service) getUser(w http.ResponseWriter, r *http.Request) error {
	name, u, err := s.findUser(r.Context(), param(r, "id"))
	if err != nil {
		return err
	}
	return ok(w, userOf(name, u))
}

func (s *Service) updateUser(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	name, u, err := s.findUser(ctx, param(r, "id"))
	if err != nil {
		return err
	}
	in := userOf(name, u)
	in.DisplayName = u.DisplayName
	if err := readBody(w, r, &in); err != nil {
		return err
	}
	if in.Name != name || in.CanonicalID != userid.Of(name) {
		return errs.Newf(errs.InvalidArgument, "only displayName and email of a user can change").Because("name")
	}
	if err := in.check(); err != nil {
		return err
	}
	if err := s.emailFree(ctx, in.Email, name); err != nil {
		return err
	}
	was := u.Email
	u, _, err = s.users.Update(ctx, name, func(u *user) error {
		was = u.Email
		u.DisplayName, u.Email = in.DisplayName, in.Email
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.claimEmail(ctx, in.Email, name); err != nil { // somebody else was faster
		s.users.Update(context.WithoutCancel(ctx), name, func(u *user) error {
			if u.Email == in.Email {
				u.Email = was
			}
			return nil
		})
		return err
	}
	if err := s.releaseEmail(ctx, was, name); err != nil {
		return err
	}
	return ok(w, userOf(name, u))
}

// deleteUser removes a user without keys. The mark comes before the look for keys, and a new key looks at the user after it is stored:
// either sees the other.
func (s *Service) deleteUser(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	name, _, err := s.findUser(ctx, param(r, "id"))
	if err != nil {
		return err
	}
	if name == RootUser {
		return errs.Newf(errs.FailedPrecondition, "the root user cannot be removed").Because("Root")
	}
	u, rev, err := s.users.Update(ctx, name, func(u *user) error {
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
		if err = s.users.Delete(ctx, name, rev); err == nil {
			if err := s.releaseEmail(ctx, u.Email, name); err != nil {
				return err
			}
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

func errNoUser() error {
	return errs.Newf(errs.NotFound, "there is no such user").Because("NoSuchUser")
}

// findUser finds a user by name or canonical id.
func (s *Service) findUser(ctx context.Context, idOrName string) (name string, _ user, _ error) {
	name = idOrName
	if userid.Valid(idOrName) {
		var err error
		if name, err = s.nameOfID(ctx, idOrName); err != nil {
			return "", user{}, err
		}
	}
	u, _, err := s.loadUser(ctx, name)
	return name, u, err
}

func (s *Service) loadUser(ctx context.Context, name string) (user, docstore.Rev, error) {
	if !userForm.MatchString(name) {
		return user{}, "", errNoUser()
	}
	u, rev, err := s.users.Get(ctx, name)
	if errs.Is(err, errs.NotFound) {
		return u, rev, errNoUser()
	}
	return u, rev, err
}
