package s3dialect

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opensds/gelato/internal/errs"
)

// TestEndlessAnswers has a server never end what the SDK reads whole: it is cut off.
func TestEndlessAnswers(t *testing.T) {
	t.Parallel()
	const far = 200 << 20
	for _, c := range []struct {
		status int
		most   int64
		want   errs.Code
	}{{200, 48 << 20, errs.Unavailable}, {403, 16 << 20, errs.PermissionDenied}} {
		var sent atomic.Int64
		s := openAt(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(c.status)
			blanks := []byte("<!--" + strings.Repeat(" ", 1<<20) + "-->")
			for sent.Load() < far {
				n, err := w.Write(blanks)
				sent.Add(int64(n))
				if err != nil {
					return
				}
			}
		}))
		if _, err := s.List(t.Context(), "", "", 10); !errs.Is(err, c.want) {
			t.Errorf("List answered %d without an end: %v (%v), want %v", c.status, err, errs.CodeOf(err), c.want)
		}
		if got := sent.Load(); got > c.most {
			t.Errorf("of an answer of status %d without an end %d bytes were taken, want %d at most", c.status, got, c.most)
		}
	}
}
