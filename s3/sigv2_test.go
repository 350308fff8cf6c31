package s3

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/s3/sigv4"
)

// What makes another operation of a request must be signed, or a presigned URL of Version 2 could be turned into something else.
func TestVersion2SignsWhatRoutes(t *testing.T) {
	t.Parallel()
	for _, o := range wholeTable() {
		marker, _, _ := strings.Cut(o.marker, "&")
		if marker != "" && marker != "list-type" && !sigv4.SignedV2(marker) { // both ways of listing need the same permission
			t.Errorf("%s: ?%s is not signed by Version 2", o.name, o.marker)
		}
	}
}

func TestVersion2SwitchedOff(t *testing.T) {
	t.Parallel()
	for _, refuse := range []bool{false, true} {
		g := newGateway(t, Options{RefuseV2: refuse})
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.url+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "AWS unknown:AAAA")
		r.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if want := map[bool]int{false: http.StatusForbidden, true: http.StatusBadRequest}[refuse]; resp.StatusCode != want {
			t.Errorf("refused %t: got %d, want %d", refuse, resp.StatusCode, want)
		}
	}
}
