package client_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"github.com/opensds/gelato/cmd/gelato/client"
)

const (
	access = "AK"
	secret = "s3cret"
)

// fake answers as REST does, from a table, and remembers what was asked.
type fake struct {
	*httptest.Server
	answers map[string][]answer // by "METHOD /path?query"; the last one repeats

	mu    sync.Mutex
	asked []request
}

type answer struct {
	status int
	body   string
}

type request struct {
	line string // "METHOD /path?query"
	body string
}

func serve(t *testing.T, answers map[string][]answer) *fake {
	t.Helper()
	f := &fake{answers: answers}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	line := r.Method + " " + strings.TrimPrefix(r.URL.RequestURI(), "/v1/default")
	f.mu.Lock()
	f.asked = append(f.asked, request{line, string(body)})
	list := f.answers[line]
	if len(list) > 1 {
		f.answers[line] = list[1:]
	}
	f.mu.Unlock()
	user, password, _ := r.BasicAuth()
	a := answer{http.StatusNotFound, problem(404, "not_found", "there is nothing at "+r.URL.Path)}
	switch {
	case user != access || password != secret:
		a = answer{http.StatusUnauthorized, problem(401, "unauthenticated", "the credentials are wrong")}
	case len(list) > 0:
		a = list[0]
	}
	kind := "application/json"
	if a.status >= 400 {
		kind = "application/problem+json"
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(a.status)
	io.WriteString(w, a.body)
	if strings.HasSuffix(a.body, cutOff) {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// cutOff at the end of an answer breaks the connection there.
const cutOff = "\x00cut"

func (f *fake) requests() []request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

func problem(status int, code, detail string) string {
	text, _ := json.Marshal(map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code, "detail": detail, "requestId": "R1"})
	return string(text)
}

// gelato runs the command line as main would, without the environment's help.
func gelato(t *testing.T, stdin string, args ...string) (stdout string, err error) {
	t.Helper()
	root := &cobra.Command{Use: "gelato", SilenceErrors: true}
	root.AddCommand(client.Commands()...)
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(io.Discard)
	root.SetIn(strings.NewReader(stdin))
	root.SetArgs(args)
	err = root.ExecuteContext(t.Context())
	return out.String(), err
}

// at adds the flags that lead to the fake.
func (f *fake) at(args ...string) []string {
	endpoint := "--endpoint"
	if len(args) > 1 && args[0] == "backend" && (args[1] == "add" || args[1] == "update") {
		endpoint = "--api-endpoint"
	}
	return append(args, endpoint, f.URL, "--access-key", access, "--secret-key", secret)
}
