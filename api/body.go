package api

import (
	"bytes"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/httpx"
)

// unbuilt is a field of the contract that is not built yet: to set it is refused by its name, null is not.
type unbuilt struct{ set bool }

// UnmarshalJSON implements json.Unmarshaler.
func (u *unbuilt) UnmarshalJSON(b []byte) error {
	u.set = !bytes.Equal(b, []byte("null"))
	return nil
}

// readBody decodes the body over v, so that what it does not name stays.
func readBody(w http.ResponseWriter, r *http.Request, v any) error {
	if err := httpx.ReadJSON(w, r, maxBody, v); err != nil {
		return err
	}
	if field := firstUnbuilt(reflect.ValueOf(v), ""); field != "" {
		return errs.Newf(errs.Unimplemented, "%s is not built yet", field).Because(field)
	}
	return nil
}

// firstUnbuilt returns the JSON path of the first unbuilt field of a struct that is set, or "".
func firstUnbuilt(v reflect.Value, path string) string {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return ""
	}
	if v.Type() == reflect.TypeFor[unbuilt]() {
		if v.Field(0).Bool() {
			return path
		}
		return ""
	}
	for i := range v.NumField() {
		if !v.Type().Field(i).IsExported() {
			continue
		}
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if path != "" {
			name = path + "." + name
		}
		if found := firstUnbuilt(v.Field(i), name); found != "" {
			return found
		}
	}
	return ""
}

// list is a page of a listing.
type list[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"` // the after of the next page, absent on the last
}

const (
	defaultLimit = 100
	maxLimit     = 1000
)

// pageOf reads ?limit= and ?after=.
func pageOf(r *http.Request) (after string, limit int, err error) {
	q := r.URL.Query()
	limit = defaultLimit
	if t := q.Get("limit"); t != "" {
		if limit, err = strconv.Atoi(t); err != nil || limit < 1 || limit > maxLimit {
			return "", 0, errs.Newf(errs.InvalidArgument, "limit must be a number from 1 to %d", maxLimit).Because("limit")
		}
	}
	return q.Get("after"), limit, nil
}

// writePage answers items; more says that others follow, from the one whose token next gives.
func writePage[T any](w http.ResponseWriter, items []T, more bool, next func(T) string) error {
	out := list[T]{Items: items}
	if out.Items == nil {
		out.Items = []T{}
	}
	if more && len(items) > 0 {
		out.Next = next(items[len(items)-1])
	}
	return httpx.WriteJSON(w, http.StatusOK, out)
}

// created answers 201 with where the new resource is.
func created(w http.ResponseWriter, resource, id string, v any) error {
	w.Header().Set("Location", "/v1/"+tenant+"/"+resource+"/"+id)
	return httpx.WriteJSON(w, http.StatusCreated, v)
}

func ok(w http.ResponseWriter, v any) error { return httpx.WriteJSON(w, http.StatusOK, v) }

func noContent(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type jobStarted struct {
	JobID string `json:"jobId"`
}

func accepted(w http.ResponseWriter, jobID string) error {
	w.Header().Set("Location", "/v1/"+tenant+"/jobs/"+jobID)
	return httpx.WriteJSON(w, http.StatusAccepted, jobStarted{jobID})
}
