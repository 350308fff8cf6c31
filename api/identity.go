package api

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/userid"
	"github.com/opensds/gelato/proto/identitypb"
)

const (
	userCollection = "users"
	keyCollection  = "keys"

	// RootUser owns the root key.
	RootUser = "root"
)

// Access keys travel in S3's Credential, where '/' separates, and in Basic's user, where ':' does.
var accessForm = regexp.MustCompile(`^[A-Za-z0-9._-]{3,128}$`)

// user is the document of a user, under the name.
type user struct {
	Created     time.Time `bson:"created"`
	Deleting    bool      `bson:"deleting,omitempty"`    // gets no keys any more
	DisplayName string    `bson:"displayName,omitempty"` // empty: the name
	Email       string    `bson:"email,omitempty"`
}

func (u user) displayName(name string) string {
	if u.DisplayName != "" {
		return u.DisplayName
	}
	return name
}

// key is the document of an access key, under the access key.
type key struct {
	User    string    `bson:"user"`
	Sealed  []byte    `bson:"sealed"` // the secret key, for "key/<access key>"
	Enabled bool      `bson:"enabled"`
	Root    bool      `bson:"root,omitempty"` // given at start, not by REST
	Created time.Time `bson:"created"`
}

func keyContext(access string) string { return "key/" + access }

// GetKey implements identitypb.IdentityServer.
func (s *Service) GetKey(ctx context.Context, r *identitypb.GetKeyRequest) (*identitypb.Key, error) {
	access := r.GetAccessKey()
	k, _, err := s.loadKey(ctx, access)
	if err != nil {
		return nil, err
	}
	u, _, err := s.loadUser(ctx, k.User)
	if err != nil {
		return nil, fmt.Errorf("load user of access key: %w", err)
	}
	return &identitypb.Key{AccessKey: access, SealedSecret: k.Sealed, User: k.User, Tenant: tenant, Enabled: k.Enabled,
		CreateTime: timestamppb.New(k.Created), CanonicalId: userid.Of(k.User), DisplayName: u.displayName(k.User)}, nil
}

// GetUser implements identitypb.IdentityServer.
func (s *Service) GetUser(ctx context.Context, r *identitypb.GetUserRequest) (*identitypb.User, error) {
	var name string
	var u user
	var err error
	switch by := r.GetBy().(type) {
	case *identitypb.GetUserRequest_Name:
		name = by.Name
		u, _, err = s.loadUser(ctx, name)
	case *identitypb.GetUserRequest_CanonicalId:
		if !userid.Valid(by.CanonicalId) {
			return nil, errNoUser()
		}
		name, u, err = s.findUser(ctx, by.CanonicalId)
	case *identitypb.GetUserRequest_Email:
		if len(by.Email) > maxEmail || !emailForm.MatchString(by.Email) {
			return nil, errNoUser()
		}
		name, u, err = s.userOfEmail(ctx, by.Email)
	default:
		return nil, errs.Newf(errs.InvalidArgument, "a name, a canonical id or an email address is needed")
	}
	if err != nil {
		return nil, err
	}
	return &identitypb.User{Name: name, CanonicalId: userid.Of(name), DisplayName: u.displayName(name), Email: u.Email}, nil
}

func (s *Service) loadKey(ctx context.Context, access string) (key, docstore.Rev, error) {
	unknown := errs.Newf(errs.NotFound, "there is no such access key").Because("NoSuchKey")
	if !accessForm.MatchString(access) {
		return key{}, "", unknown
	}
	k, rev, err := s.keys.Get(ctx, access)
	if errs.Is(err, errs.NotFound) {
		return k, rev, unknown
	}
	return k, rev, err
}

// EnsureRoot makes access with secret the one root key: a key that was root before under another name is removed.
func (s *Service) EnsureRoot(ctx context.Context, access, secret string) error {
	switch {
	case !accessForm.MatchString(access):
		return errs.Newf(errs.InvalidArgument, "the root access key must be 3 to 128 letters, digits, '.', '_' or '-'")
	case len(secret) < 8 || len(secret) > 128:
		return errs.Newf(errs.InvalidArgument, "the root secret key must have 8 to 128 bytes")
	}
	if err := s.noteIDs(ctx); err != nil {
		return err
	}
	if err := s.noteID(ctx, RootUser); err != nil {
		return err
	}
	if _, err := s.users.Insert(ctx, RootUser, user{Created: time.Now().UTC()}); err != nil && !errs.Is(err, errs.AlreadyExists) {
		return err
	}
	for {
		old, rev, err := s.keys.Get(ctx, access)
		fresh := key{User: RootUser, Enabled: true, Root: true, Created: old.Created}
		switch {
		case errs.Is(err, errs.NotFound):
			fresh.Sealed, fresh.Created = s.box.Seal(keyContext(access), []byte(secret)), time.Now().UTC()
			_, err = s.keys.Insert(ctx, access, fresh)
		case err != nil:
			return err
		default:
			if same, openErr := s.box.Open(keyContext(access), old.Sealed); openErr == nil && string(same) == secret && old.Root && old.Enabled {
				return s.dropRoots(ctx, access)
			}
			fresh.Sealed = s.box.Seal(keyContext(access), []byte(secret))
			_, err = s.keys.Replace(ctx, access, rev, fresh)
		}
		if err == nil {
			return s.dropRoots(ctx, access)
		}
		if !errs.Is(err, errs.AlreadyExists) && !errs.Is(err, errs.FailedPrecondition) {
			return err
		}
	}
}

// dropRoots removes the root keys but one.
func (s *Service) dropRoots(ctx context.Context, but string) error {
	return s.eachKey(ctx, func(access string, rev docstore.Rev, k key) error {
		if !k.Root || access == but {
			return nil
		}
		if err := s.keys.Delete(ctx, access, rev); err != nil && !errs.Is(err, errs.FailedPrecondition) {
			return err
		}
		return nil
	})
}

// eachKey calls f with every key, in order.
func (s *Service) eachKey(ctx context.Context, f func(access string, rev docstore.Rev, k key) error) error {
	for from := ""; ; {
		page, err := s.keys.List(ctx, docstore.Range{From: from, Limit: maxLimit})
		if err != nil {
			return err
		}
		for _, d := range page {
			if err := f(d.Key, d.Rev, d.Value); err != nil {
				return err
			}
			from = docstore.After(d.Key)
		}
		if len(page) < maxLimit {
			return nil
		}
	}
}
