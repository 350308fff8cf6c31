package notify

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/errs"
)

func TestParseNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Named{
		"hook=https://h/p?a=b": {"hook", "https://h/p?a=b"},
		"k_1=kafka://h:1/t":    {"k_1", "kafka://h:1/t"},
		"hook":                 {},
		"=https://h":           {},
		"a:b=https://h":        {},
		"hook=ftp://h":         {},
		"hook=":                {},
	} {
		got, err := ParseNamed(text)
		if got != want || (err == nil) != (want.Name != "") {
			t.Errorf("%s: got %v %v, want %v", text, got, err, want)
		}
	}
	for url, want := range map[string][2]string{
		"kafka://h:1/t":                {"kafka://h:1", "t"},
		"kafka://a:1,b:2/t?tls=true":   {"kafka://a:1,b:2?tls=true", "t"},
		"kafka://h:1":                  {},
		"kafka://h:1/":                 {},
		"kafka:///t":                   {},
		"kafka://h:1/a/b":              {},
		"kafka://h:1?ca-file=/a/b.pem": {},
	} {
		queue, topic, ok, err := Named{"n", url}.Kafka()
		if !ok || [2]string{queue, topic} != want || (err == nil) != (want[0] != "") {
			t.Errorf("%s: got %q %q %v, want %q", url, queue, topic, err, want)
		}
	}
	if _, _, ok, err := (Named{"n", "https://h"}).Kafka(); ok || err != nil {
		t.Errorf("a webhook is a topic: %v", err)
	}
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect to another host was followed") }))
	t.Cleanup(other.Close)
	var got []string
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.Method+" "+r.Header.Get("Content-Type")+" "+r.Header.Get("Authorization")+" "+string(body))
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc("/bad", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	mux.Handle("/here", http.RedirectHandler("/ok", http.StatusTemporaryRedirect))
	mux.Handle("/get", http.RedirectHandler("/ok", http.StatusFound))
	mux.Handle("/there", http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	mux.Handle("/circle", http.RedirectHandler("/circle", http.StatusTemporaryRedirect))
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then is it noticed that the client is gone
		<-r.Context().Done()
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	for path, want := range map[string]string{"/ok": "", "/here": "", "/bad": "418", "/get": "", "/there": "", "/circle": "", "/slow": ""} {
		w, err := NewWebhook(server.URL+path, WebhookOptions{Token: "secret", Timeout: 300 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.Close)
		got = nil
		err = w.Send(t.Context(), "k", []byte("{}"))
		if path == "/ok" || path == "/here" {
			if err != nil || len(got) != 1 || got[0] != "POST application/json Bearer secret {}" {
				t.Errorf("%s: got %q, %v", path, got, err)
			}
			continue
		}
		if !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), want) || len(got) != 0 {
			t.Errorf("%s: got %v and %q, want Unavailable", path, err, got)
		}
		if strings.Contains(err.Error(), server.URL) {
			t.Errorf("%s: the error shows the URL: %v", path, err)
		}
	}
}

func TestNewWebhookRefuses(t *testing.T) {
	t.Parallel()
	for url, token := range map[string]string{"h": "", "https://": "", "https://u:p@h/": "", "http://example.com/": "t", "kafka://h/t": ""} {
		if _, err := NewWebhook(url, WebhookOptions{Token: token}); !errs.Is(err, errs.InvalidArgument) {
			t.Errorf("%s: got %v, want InvalidArgument", url, err)
		}
	}
	for url, token := range map[string]string{"http://example.com/": "", "http://127.0.0.1:1/": "t", "https://example.com/a": "t"} {
		if _, err := NewWebhook(url, WebhookOptions{Token: token}); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}
