package api

import (
	"context"
	"crypto/rand"
	"net/http"
	"time"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

const (
	keyEnabled  = "enabled"
	keyDisabled = "disabled"
)

// keyJSON is an access key of REST.
type keyJSON struct {
	AccessKey  string     `json:"accessKey,omitempty"` // out only
	SecretKey  string     `json:"secretKey,omitempty"` // out only, and only in the answer that makes the key
	User       string     `json:"user,omitempty"`
	Status     string     `json:"status,omitempty"`     // enabled, disabled
	CreateTime *time.Time `json:"createTime,omitempty"` // out only
}

func keyOf(access string, k key) keyJSON {
	out := keyJSON{AccessKey: access, User: k.User, Status: keyDisabled, CreateTime: &k.Created}
	if k.Enabled {
		out.Status = keyEnabled
	}
	return out
}

func (s *Service) listKeys(w http.ResponseWriter, r *http.Request) error {
	after, limit, err := pageOf(r)
	if err != nil {
		return err
	}
	page := docstore.Range{Limit: limit + 1}
	if after != "" {
		page.From = docstore.After(after)
	}
	docs, err := s.keys.List(r.Context(), page)
	if err != nil {
		return err
	}
	var items []keyJSON
	for _, d := range docs[:min(limit, len(docs))] {
		items = append(items, keyOf(d.Key, d.Value))
	}
	return writePage(w, items, len(docs) > limit, func(k keyJSON) string { return k.AccessKey })
}

func (s *Service) createKey(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	var in keyJSON
	if err := readBody(w, r, &in); err != nil {
		return err
	}
	if in.User == "" {
		return errs.Newf(errs.InvalidArgument, "user is required").Because("user")
	}
	if in.AccessKey != "" || in.SecretKey != "" {
		return errs.Newf(errs.InvalidArgument, "accessKey and secretKey are drawn, not given").Because("accessKey")
	}
	enabled, err := enabledOf(in.Status, true)
	if err != nil {
		return err
	}
	if err := s.keyAllowed(ctx, in.User); err != nil {
		return err
	}
	access, secret := "GK"+rand.Text()[:18], (rand.Text() + rand.Text())[:40]
	k := key{User: in.User, Sealed: s.box.Seal(keyContext(access), []byte(secret)), Enabled: enabled, Created: time.Now().UTC().Truncate(time.Millisecond)}
	rev, err := s.keys.Insert(ctx, access, k)
	if err != nil {
		return err
	}
	if err := s.keyAllowed(ctx, in.User); err != nil { // removed meanwhile
		s.keys.Delete(context.WithoutCancel(ctx), access, rev)
		return err
	}
	out := keyOf(access, k)
	out.SecretKey = secret
	return created(w, "keys", access, out)
}

// keyAllowed says whether the user may get a key.
func (s *Service) keyAllowed(ctx context.Context, name string) error {
	u, _, err := s.loadUser(ctx, name)
	if errs.Is(err, errs.NotFound) {
		return errs.Newf(errs.InvalidArgument, "there is no user %q", name).Because("user")
	}
	if err == nil && u.Deleting {
		return errs.Newf(errs.FailedPrecondition, "user %q is being removed", name).Because("user")
	}
	return err
}

func (s *Service) getKey(w http.ResponseWriter, r *http.Request) error {
	access := param(r, "id")
	k, _, err := s.loadKey(r.Context(), access)
	if err != nil {
		return err
	}
	return ok(w, keyOf(access, k))
}

func (s *Service) updateKey(w http.ResponseWriter, r *http.Request) error {
	ctx, access := r.Context(), param(r, "id")
	k, _, err := s.loadKey(ctx, access)
	if err != nil {
		return err
	}
	in := keyOf(access, k)
	if err := readBody(w, r, &in); err != nil {
		return err
	}
	enabled, err := enabledOf(in.Status, k.Enabled)
	if err != nil {
		return err
	}
	if in.User != k.User || in.AccessKey != access || in.SecretKey != "" {
		return errs.Newf(errs.InvalidArgument, "only the status of a key can change").Because("status")
	}
	k, _, err = s.keys.Update(ctx, access, func(k *key) error {
		if k.Root && !enabled {
			return errRootKey
		}
		k.Enabled = enabled
		return nil
	})
	if err != nil {
		return err
	}
	return ok(w, keyOf(access, k))
}

func (s *Service) deleteKey(w http.ResponseWriter, r *http.Request) error {
	ctx, access := r.Context(), param(r, "id")
	for {
		k, rev, err := s.loadKey(ctx, access)
		if err != nil {
			return err
		}
		if k.Root {
			return errRootKey
		}
		err = s.keys.Delete(ctx, access, rev)
		if err == nil {
			return noContent(w)
		}
		if !errs.Is(err, errs.FailedPrecondition) {
			return err
		}
	}
}

var errRootKey = errs.Newf(errs.FailedPrecondition, "the root key is set where Gelato is started, and neither disabled nor removed here").Because("Root")

// enabledOf reads a status; an absent one is what it was.
func enabledOf(status string, was bool) (bool, error) {
	switch status {
	case "":
		return was, nil
	case keyEnabled, keyDisabled:
		return status == keyEnabled, nil
	}
	return false, errs.Newf(errs.InvalidArgument, "status must be %q or %q", keyEnabled, keyDisabled).Because("status")
}
