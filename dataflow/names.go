package dataflow

import (
	"context"
	"crypto/rand"
	"regexp"
	"strings"
	"time"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// kind is what has names of its own: ids begin with it.
type kind string

const (
	policyKind kind = "policy"
	planKind   kind = "plan"
)

var (
	nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._-]{0,126}[A-Za-z0-9._-]$|^[A-Za-z0-9]$`)
	idForm   = regexp.MustCompile(`^(policy|plan)_[a-z2-7]{26}$`)
)

// staleClaim is the age after which a name whose owner does not bear it may be taken: more than any call lasts, with half a minute for clocks. A call that
// failed because the state was away leaves its name taken for so long.
const staleClaim = 2 * time.Minute

func newID(k kind) string { return string(k) + "_" + strings.ToLower(rand.Text()) }

func checkName(name string) error {
	if !nameForm.MatchString(name) || idForm.MatchString(name) {
		return bad("name", "a name has 1 to 128 letters, digits, dots, dashes, underscores and inner blanks, and begins with a letter or digit")
	}
	return nil
}

// bad is a refusal of one field, named as in REST.
func bad(field, format string, args ...any) error {
	return errs.Newf(errs.InvalidArgument, format, args...).Because(field)
}

// resolve gives the id of an id or a name. The document of an id may still be absent.
func (s *Service) resolve(ctx context.Context, k kind, idOrName string) (string, error) {
	if idForm.MatchString(idOrName) && strings.HasPrefix(idOrName, string(k)+"_") {
		return idOrName, nil
	}
	n, _, err := s.names.Get(ctx, docstore.Join(string(k), idOrName))
	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.InvalidArgument) {
		return "", notFound(k, idOrName)
	}
	return n.ID, err
}

func notFound(k kind, idOrName string) error {
	return errs.Newf(errs.NotFound, "there is no %s %q", k, idOrName).Because(string(k))
}

// claim takes a name for id. bears says whether the document of an id exists and has the name: a claim older than any call
// whose owner does not bear it is what a crash left behind.
func (s *Service) claim(ctx context.Context, k kind, name, id string, bears func(id string) (bool, error)) error {
	key := docstore.Join(string(k), name)
	_, err := s.names.Insert(ctx, key, nameDoc{ID: id})
	if !errs.Is(err, errs.AlreadyExists) {
		return err
	}
	taken := errs.Newf(errs.AlreadyExists, "there is a %s %q already", k, name).Because("name")
	n, rev, err := s.names.Get(ctx, key)
	switch {
	case errs.Is(err, errs.NotFound):
		return taken // given up this moment
	case err != nil:
		return err
	case n.ID == id:
		return nil
	case time.Since(rev.Time()) < staleClaim:
		return taken
	}
	if ok, err := bears(n.ID); err != nil {
		return err
	} else if ok {
		return taken
	}
	if _, err = s.names.Replace(ctx, key, rev, nameDoc{ID: id}); errs.Is(err, errs.FailedPrecondition) {
		return taken
	}
	return err
}

// unclaim gives a name up if id has it.
func (s *Service) unclaim(ctx context.Context, k kind, name, id string) error {
	key := docstore.Join(string(k), name)
	n, rev, err := s.names.Get(ctx, key)
	if errs.Is(err, errs.NotFound) || err == nil && n.ID != id {
		return nil
	}
	if err != nil {
		return err
	}
	if err = s.names.Delete(ctx, key, rev); errs.Is(err, errs.FailedPrecondition) {
		return nil
	}
	return err
}

// page lists ids in the order of names; the documents of some may be absent.
func (s *Service) page(ctx context.Context, k kind, after string, limit int) (names []docstore.Item[nameDoc], more bool, err error) {
	if limit < 1 || limit > 1000 {
		return nil, false, bad("limit", "a page has 1 to 1000 items")
	}
	from, to := docstore.Under(string(k))
	if after != "" {
		from = docstore.After(docstore.Join(string(k), after))
	}
	names, err = s.names.List(ctx, docstore.Range{From: from, To: to, Limit: limit + 1})
	if err != nil {
		return nil, false, err
	}
	if len(names) > limit {
		return names[:limit], true, nil
	}
	return names, false, nil
}
