package s3

import (
	"context"
	"log/slog"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/userid"
	"github.com/opensds/gelato/proto/identitypb"
)

// owner is a user as S3 shows one.
type owner struct {
	id      string // canonical
	display string
}

// userRef names a user in one of three ways.
type userRef struct {
	by   byte // byName, byID, byEmail
	text string
}

const (
	byName = iota + 1
	byID
	byEmail
)

// users finds users at the api service.
type users struct {
	client identitypb.IdentityClient
	known  *answers[userRef, *identitypb.User]
}

func newUsers(client identitypb.IdentityClient, now func() time.Time, log *slog.Logger) *users {
	u := &users{client: client}
	u.known = newAnswers(u.fetch, now, log, "users cannot be asked for")
	return u
}

// maxUserRef is more than any name, id or address of a user has, in bytes.
const maxUserRef = 512

// find finds a user. NotFound when there is none.
func (u *users) find(ctx context.Context, by byte, text string) (*identitypb.User, error) {
	if len(text) > maxUserRef {
		return nil, errs.Newf(errs.NotFound, "no such user")
	}
	return u.known.get(ctx, userRef{by, text})
}

func (u *users) fetch(ctx context.Context, ref userRef) (*identitypb.User, error) {
	in := &identitypb.GetUserRequest{}
	switch ref.by {
	case byID:
		in.By = &identitypb.GetUserRequest_CanonicalId{CanonicalId: ref.text}
	case byEmail:
		in.By = &identitypb.GetUserRequest_Email{Email: ref.text}
	default:
		in.By = &identitypb.GetUserRequest_Name{Name: ref.text}
	}
	return u.client.GetUser(ctx, in)
}

// shown is a user as S3 shows one. The display name of a user who is gone, or cannot be asked for, is the name.
func (u *users) shown(ctx context.Context, name string) owner {
	o := owner{userid.Of(name), name}
	if found, err := u.find(ctx, byName, name); err == nil {
		o.display = found.DisplayName
	}
	return o
}

// shownID is the same of a canonical id. A user who is gone has no display name.
func (u *users) shownID(ctx context.Context, id string) (owner, error) {
	found, err := u.find(ctx, byID, id)
	if err == nil {
		return owner{id, found.DisplayName}, nil
	}
	if errs.Is(err, errs.NotFound) {
		err = nil
	}
	return owner{id: id}, err
}

// callerID is the canonical id of who sent a request, empty for anonymous ones.
func (r *request) callerID() string {
	if r.auth.Anonymous() {
		return ""
	}
	return userid.Of(r.auth.User)
}

// owner writes an element that shows a user.
func (x *document) owner(element string, o owner) {
	x.open(element)
	x.text("ID", o.id)
	x.optional("DisplayName", o.display)
	x.close(element)
}
