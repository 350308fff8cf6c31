package api

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/userid"
	"github.com/opensds/gelato/proto/identitypb"
)

func byName(name string) *identitypb.GetUserRequest {
	return &identitypb.GetUserRequest{By: &identitypb.GetUserRequest_Name{Name: name}}
}

func byID(id string) *identitypb.GetUserRequest {
	return &identitypb.GetUserRequest{By: &identitypb.GetUserRequest_CanonicalId{CanonicalId: id}}
}

func byEmail(email string) *identitypb.GetUserRequest {
	return &identitypb.GetUserRequest{By: &identitypb.GetUserRequest_Email{Email: email}}
}

func TestUsers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var ann, bob userJSON
	r.do(t, "POST", "users", `{"name":"ann","displayName":"Ann Ö","email":"Ann@example.com"}`).into(t, 201, &ann)
	r.do(t, "POST", "users", `{"name":"bob"}`).into(t, 201, &bob)
	if ann.CanonicalID != userid.Of("ann") || ann.DisplayName != "Ann Ö" || ann.Email != "Ann@example.com" || bob.DisplayName != "bob" || bob.Email != "" {
		t.Errorf("made %+v and %+v", ann, bob)
	}
	for what, by := range map[string]*identitypb.GetUserRequest{"name": byName("ann"), "id": byID(ann.CanonicalID), "email": byEmail("aNN@Example.com")} {
		u, err := r.identity.GetUser(t.Context(), by)
		if err != nil || u.Name != "ann" || u.CanonicalId != ann.CanonicalID || u.DisplayName != "Ann Ö" || u.Email != "Ann@example.com" {
			t.Errorf("GetUser by %s = %v, %v", what, u, err)
		}
	}
	var got userJSON
	r.do(t, "GET", "users/"+ann.CanonicalID, "").into(t, 200, &got)
	if got.Name != "ann" {
		t.Errorf("GET by canonical id = %+v", got)
	}
	var k keyJSON
	r.do(t, "POST", "keys", `{"user":"ann"}`).into(t, 201, &k)
	if id, err := r.identity.GetKey(t.Context(), &identitypb.GetKeyRequest{AccessKey: k.AccessKey}); err != nil || id.CanonicalId != ann.CanonicalID || id.DisplayName != "Ann Ö" {
		t.Errorf("GetKey = %v, %v", id, err)
	}

	// PUT merges: what is absent stays, what is empty goes.
	r.do(t, "PUT", "users/ann", `{"email":"a@example.org"}`).into(t, 200, &got)
	if got.DisplayName != "Ann Ö" || got.Email != "a@example.org" {
		t.Errorf("after another email: %+v", got)
	}
	if _, err := r.identity.GetUser(t.Context(), byEmail("ann@example.com")); !errs.Is(err, errs.NotFound) {
		t.Errorf("the old email: %v", err)
	}
	r.do(t, "PUT", "users/ann", `{"displayName":""}`).into(t, 200, &got)
	if got.DisplayName != "ann" || got.Email != "a@example.org" {
		t.Errorf("without a display name: %+v", got)
	}
	r.do(t, "PUT", "users/bob", `{"email":"ann@example.com"}`).into(t, 200, &got) // free again
	r.do(t, "DELETE", "keys/"+k.AccessKey, "")
	if a := r.do(t, "DELETE", "users/ann", ""); a.status != 204 {
		t.Errorf("DELETE = %d %s", a.status, a.body)
	}
	for what, by := range map[string]*identitypb.GetUserRequest{"name": byName("ann"), "id": byID(ann.CanonicalID), "email": byEmail("a@example.org")} {
		if u, err := r.identity.GetUser(t.Context(), by); !errs.Is(err, errs.NotFound) {
			t.Errorf("GetUser by %s after DELETE = %v, %v", what, u, err)
		}
	}
	r.do(t, "POST", "users", `{"name":"cid","email":"a@example.org"}`).into(t, 201, &got)
}

func TestUserRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.do(t, "POST", "users", `{"name":"ann","email":"ann@example.com"}`).into(t, 201, &userJSON{})
	long := strings.Repeat("x", maxDisplayName+1)
	for _, c := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"POST", "users", `{"name":"` + userid.Of("x") + `"}`, 400, "name"},
		{"POST", "users", `{"name":"x","canonicalId":"` + userid.Of("x") + `"}`, 400, "canonicalId"},
		{"POST", "users", `{"name":"x","displayName":"` + long + `"}`, 400, "displayName"},
		{"POST", "users", `{"name":"x","displayName":"a\u0000"}`, 400, "displayName"},
		{"POST", "users", `{"name":"x","email":"no address"}`, 400, "email"},
		{"POST", "users", `{"name":"x","email":"a@b\"c"}`, 400, "email"},
		{"POST", "users", `{"name":"x","email":"ANN@example.com"}`, 409, "EmailTaken"},
		{"POST", "users", `{"name":"ann","email":"ann@example.com"}`, 409, "NameTaken"},
		{"PUT", "users/root", `{"email":"ann@example.com"}`, 409, "EmailTaken"},
		{"PUT", "users/ann", `{"name":"bob"}`, 400, "name"},
		{"PUT", "users/ann", `{"canonicalId":"` + userid.Of("x") + `"}`, 400, "name"},
		{"PUT", "users/nobody", `{}`, 404, "NoSuchUser"},
		{"GET", "users/" + userid.Of("nobody"), ``, 404, "NoSuchUser"},
	} {
		got := r.do(t, c.method, c.path, c.body)
		if p := got.problem(t); p.Status != c.status || p.Code != c.code {
			t.Errorf("%s %s %s = %d %q, want %d %q", c.method, c.path, c.body, p.Status, p.Code, c.status, c.code)
		}
	}
	if u, err := r.identity.GetUser(t.Context(), byEmail("ann@example.com")); err != nil || u.Name != "ann" {
		t.Errorf("the email belongs to %v, %v", u, err)
	}
	if _, err := r.identity.GetUser(t.Context(), &identitypb.GetUserRequest{}); !errs.Is(err, errs.InvalidArgument) {
		t.Errorf("GetUser by nothing: %v", err)
	}
}

// Users of a state without canonical ids are found by them from the next start on.
func TestOldUsers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, err := r.svc.users.Insert(t.Context(), "old", user{Created: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.identity.GetUser(t.Context(), byID(userid.Of("old"))); !errs.Is(err, errs.NotFound) {
		t.Fatalf("before: %v", err)
	}
	if err := r.svc.EnsureRoot(t.Context(), rootAccess, rootSecret); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"old", RootUser} {
		if u, err := r.identity.GetUser(t.Context(), byID(userid.Of(name))); err != nil || u.Name != name {
			t.Errorf("%s: %v, %v", name, u, err)
		}
	}
}

// Of users who want one address at the same time one gets it.
func TestEmailRace(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const users = 8
	for round := range 10 {
		email := fmt.Sprintf("x%d@example.com", round)
		won := make([]bool, users)
		var wait sync.WaitGroup
		for i := range users {
			name := fmt.Sprintf("u%d-%d", round, i)
			if i%2 == 0 {
				r.do(t, "POST", "users", `{"name":"`+name+`"}`).into(t, 201, &userJSON{})
			}
			wait.Go(func() {
				if i%2 == 0 {
					won[i] = r.do(t, "PUT", "users/"+name, `{"email":"`+email+`"}`).status == 200
				} else {
					won[i] = r.do(t, "POST", "users", `{"name":"`+name+`","email":"`+email+`"}`).status == 201
				}
			})
		}
		wait.Wait()
		var winners []string
		for i, w := range won {
			if w {
				winners = append(winners, fmt.Sprintf("u%d-%d", round, i))
			}
		}
		if len(winners) > 1 {
			t.Errorf("%s was given to %q", email, winners)
		}
		u, err := r.identity.GetUser(t.Context(), byEmail(email))
		if len(winners) == 1 && (err != nil || !slices.Contains(winners, u.Name)) {
			t.Errorf("%s belongs to %v, %v, not to %q", email, u, err, winners)
		}
		if len(winners) == 0 && err == nil {
			t.Errorf("%s belongs to %v, who was refused", email, u)
		}
	}
}

// Two users whose documents name one address: who claims it first has it, for as long as the user's document names it.
func TestClaimEmail(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const email = "x@example.com"
	for _, name := range []string{"a", "b"} {
		if _, err := r.svc.users.Insert(t.Context(), name, user{Email: email}); err != nil {
			t.Fatal(err)
		}
	}
	rev := func() docstore.Rev {
		_, rev, _ := r.svc.aliases.Get(t.Context(), emailKey(email))
		return rev
	}
	if err := r.svc.claimEmail(t.Context(), email, "a"); err != nil {
		t.Fatal(err)
	}
	if err := r.svc.claimEmail(t.Context(), email, "b"); errs.ReasonOf(err) != "EmailTaken" {
		t.Errorf("the second claim: %v", err)
	}
	old := rev()
	if err := r.svc.claimEmail(t.Context(), email, "a"); err != nil || rev() == old {
		t.Errorf("claimed again: %v, revision %s after %s", err, rev(), old)
	}
	if _, _, err := r.svc.users.Update(t.Context(), "a", func(u *user) error { u.Email = ""; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := r.svc.claimEmail(t.Context(), email, "b"); err != nil {
		t.Errorf("a stale alias is in the way: %v", err)
	}
	if err := r.svc.releaseEmail(t.Context(), email, "a"); err != nil || rev() == "" {
		t.Errorf("another's address was released: %v", err)
	}
	if err := r.svc.releaseEmail(t.Context(), email, "b"); err != nil || rev() == "" {
		t.Errorf("an address in use was released: %v", err)
	}
}
