package notify

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/opensds/gelato/internal/errs"
)

// Webhook is a Target that takes messages by POST. An answer of 2xx means that it has one.
type Webhook struct {
	url    string
	token  string
	client *http.Client
}

var _ Target = (*Webhook)(nil)

// WebhookOptions tune a Webhook. The zero WebhookOptions works.
type WebhookOptions struct {
	Token   string        // sent as a bearer token; empty: none
	Timeout time.Duration // of one request, 10 s when 0
}

const (
	redirects  = 5
	readAnswer = 64 << 10 // bytes of an answer that are read, to use the connection again
)

// NewWebhook makes a Webhook. InvalidArgument for a URL that is none, holds credentials, or would carry a token in clear to another machine.
func NewWebhook(raw string, o WebhookOptions) (*Webhook, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errs.Newf(errs.InvalidArgument, "a webhook has a URL like https://HOST/PATH")
	}
	if u.User != nil {
		return nil, errs.Newf(errs.InvalidArgument, "the URL of a webhook holds credentials: give it a token file")
	}
	if o.Token != "" && u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, errs.Newf(errs.InvalidArgument, "the token of a webhook needs https, as http sends it in clear")
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 32
	return &Webhook{url: raw, token: o.Token, client: &http.Client{Timeout: o.Timeout, Transport: transport, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		switch {
		case len(via) > redirects:
			return errs.Newf(errs.Unavailable, "too many redirects")
		case r.URL.Host != u.Host || r.URL.Scheme != u.Scheme:
			return errs.Newf(errs.Unavailable, "a redirect to another host")
		case r.Method != http.MethodPost:
			return errs.Newf(errs.Unavailable, "a redirect that is none of a POST")
		}
		return nil
	}}}, nil
}

// Send implements Target.
func (w *Webhook) Send(ctx context.Context, _ string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "gelato")
	if w.token != "" {
		r.Header.Set("Authorization", "Bearer "+w.token)
	}
	answer, err := w.client.Do(r)
	if err != nil {
		if e, ok := err.(*url.Error); ok {
			err = e.Err // the URL may hold a secret in its query
		}
		return errs.New(errs.Unavailable, "the webhook cannot be reached", err)
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, readAnswer)
	if answer.StatusCode/100 != 2 {
		return errs.Newf(errs.Unavailable, "the webhook answered %d", answer.StatusCode)
	}
	return nil
}

// Close lets the connections go.
func (w *Webhook) Close() { w.client.CloseIdleConnections() }

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
