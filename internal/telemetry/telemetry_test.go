package telemetry

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/errs"
)

func TestReadiness(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	tel, err := New(&log, "json", "info")
	if err != nil {
		t.Fatal(err)
	}
	var state error
	tel.Check("state", func(context.Context) error { return state })
	ask := func() (int, string) {
		w := httptest.NewRecorder()
		tel.Readyz(w, httptest.NewRequest("GET", "/readyz", nil))
		return w.Code, w.Body.String()
	}
	if code, body := ask(); code != 200 || !strings.Contains(body, `"state":"ok"`) {
		t.Errorf("ready: %d %s", code, body)
	}
	state = errs.Newf(errs.Unavailable, "the state is away")
	if code, body := ask(); code != 503 || !strings.Contains(body, "the state is away") {
		t.Errorf("not ready: %d %s", code, body)
	}
	w := httptest.NewRecorder()
	tel.Metrics().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if !strings.Contains(w.Body.String(), "go_goroutines") {
		t.Error("metrics lack go_goroutines")
	}
}

func TestBadOptions(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{{"xml", "info"}, {"text", "loud"}} {
		if _, err := New(nil, c[0], c[1]); !errs.Is(err, errs.InvalidArgument) {
			t.Errorf("%v: got %v", c, err)
		}
	}
}
