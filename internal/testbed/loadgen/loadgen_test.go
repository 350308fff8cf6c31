package loadgen_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/loadgen"
	"github.com/opensds/gelato/internal/testbed/s3lite"
)

func TestRun(t *testing.T) {
	t.Parallel()
	s := testbed.Versity(t, testbed.VersityOptions{ExtraOptions: []string{"--keep-alive"}})
	s.CreateBucket("load")
	request := func(e s3lite.Endpoint, method, path, query string, body []byte) loadgen.Request {
		t.Helper()
		r, err := loadgen.New(e, method, path, query, body)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	body := bytes.Repeat([]byte("x"), 4096)
	puts := make([][]loadgen.Request, 4)
	for i := range 20 {
		puts[i%4] = append(puts[i%4], request(s.S3(), http.MethodPut, fmt.Sprintf("/load/k%02d", i), "", body))
	}
	if r, err := loadgen.Run(t.Context(), s.S3(), puts, time.Minute, false); err != nil || r.Requests != 20 {
		t.Fatalf("puts: got %+v, %v, want 20 requests", r, err)
	}
	n := 0
	for o, err := range s.Client().List(t.Context(), "load", "") {
		if n++; err != nil || o.Size != 4096 {
			t.Errorf("list: got %+v, %v", o, err)
		}
	}
	if n != 20 {
		t.Errorf("got %d objects, want 20", n)
	}
	pages := [][]loadgen.Request{{request(s.S3(), http.MethodGet, "/load", "list-type=2&max-keys=10", nil)}}
	if r, err := loadgen.Run(t.Context(), s.S3(), pages, 100*time.Millisecond, true); err != nil || r.Requests < 2 || r.P50 == 0 {
		t.Errorf("pages: got %+v, %v, want several", r, err)
	}
	wrong := s.S3()
	wrong.Secret = "wrong"
	bad := [][]loadgen.Request{{request(wrong, http.MethodGet, "/load/k00", "", nil)}}
	if _, err := loadgen.Run(t.Context(), s.S3(), bad, time.Minute, false); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("wrong secret: got %v, want 403", err)
	}
}
