package httpx

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/rpc"
)

func TestReadJSON(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, body, reason, detail string }{
		{"good", `{"a":1}`, "", ""},
		{"unknown field", `{"a":1,"b":2}`, "b", `unknown field "b"`},
		{"wrong type", `{"a":"x"}`, "a", "a must be a JSON int"},
		{"two values", `{"a":1}{}`, "", "the body holds more than one JSON value"},
		{"empty", ``, "", "the body is empty"},
		{"not JSON", `{`, "", "the body is not valid JSON"},
		{"too large", `{"a":` + strings.Repeat(" ", 200) + `1}`, ReasonTooLarge, "the body is larger than 100 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var v struct {
				A int `json:"a"`
			}
			err := ReadJSON(httptest.NewRecorder(), httptest.NewRequest("POST", "/", strings.NewReader(c.body)), 100, &v)
			if c.detail == "" {
				if err != nil || v.A != 1 {
					t.Fatalf("got %v, %v", v, err)
				}
				return
			}
			if got := errs.Public(err); !errs.Is(err, errs.InvalidArgument) || got != c.detail || errs.ReasonOf(err) != c.reason {
				t.Errorf("got %q reason %q, want %q reason %q", got, errs.ReasonOf(err), c.detail, c.reason)
			}
		})
	}
}

func TestProblemHidesTheCause(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	l := slog.New(slog.NewTextHandler(&log, nil))
	h := Access("X-Request-Id", l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rpc.RequestID(r.Context()) == "" {
			t.Error("no request id in the context")
		}
		WriteProblem(w, r, l, 500, errors.New("disk on fire"))
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/x", nil))
	var p Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if p.Detail != "internal error" || p.Status != 500 || p.RequestID != w.Header().Get("X-Request-Id") || strings.Contains(w.Body.String(), "fire") {
		t.Errorf("problem %+v", p)
	}
	if !strings.Contains(log.String(), "disk on fire") || !strings.Contains(log.String(), "status=500") {
		t.Errorf("log: %s", log.String())
	}
}
