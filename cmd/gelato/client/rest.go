package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/opensds/gelato/internal/errs"
)

const (
	tenant       = "default"
	answerTime   = 3 * time.Minute // of all but streams; the server's own limit is shorter
	maxAnswer    = 64 << 20        // bytes of one answer, and of one line of a stream
	pageSize     = "1000"
	maxErrorText = 4096
)

// rest is a small client of Gelato's REST.
type rest struct {
	base           *url.URL
	access, secret string
	http           *http.Client
}

func newREST(endpoint, access, secret string) (*rest, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, errs.Newf(errs.InvalidArgument, "the endpoint %q is no URL such as %s", endpoint, defaultEndpoint)
	}
	return &rest{base: u, access: access, secret: secret, http: &http.Client{
		// A redirect would turn a POST into a GET: better to say that the endpoint is another one.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// call does one request under /v1/<tenant>/ and returns the answer's JSON, nil when it has no content. path holds the parts of the
// resource's path, each escaped here. in is sent as JSON unless nil.
func (r *rest) call(ctx context.Context, method string, path []string, query url.Values, in any) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	answer, err := r.open(ctx, method, path, query, in)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return nil, r.unreachable(err)
	}
	if answer.StatusCode == http.StatusNoContent {
		return nil, nil
	}
	if len(body) > maxAnswer || !json.Valid(body) {
		return nil, errs.Newf(errs.Internal, "%s answered something that is not Gelato's: is the endpoint right?", r.base)
	}
	return body, nil
}

// open sends a request and returns its answer when that is a success. The caller closes the body.
func (r *rest) open(ctx context.Context, method string, path []string, query url.Values, in any) (*http.Response, error) {
	u := r.base.JoinPath("v1", tenant)
	for _, p := range path {
		if p == "" {
			return nil, errs.Newf(errs.InvalidArgument, "a name is empty")
		}
		if p == "." || p == ".." { // these would be taken for steps of the path
			return nil, errs.Newf(errs.InvalidArgument, "%q is no name", p)
		}
		u = u.JoinPath(url.PathEscape(p))
	}
	u.RawQuery = query.Encode()
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(r.access, r.secret)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	answer, err := r.http.Do(req)
	if err != nil {
		return nil, r.unreachable(err)
	}
	if answer.StatusCode/100 == 2 {
		return answer, nil
	}
	defer answer.Body.Close()
	return nil, r.problem(answer)
}

// problem makes an error of an answer that is no success: the detail of its problem document (RFC 9457), on one line.
func (r *rest) problem(answer *http.Response) error {
	code := errs.Internal
	switch answer.StatusCode {
	case http.StatusNotFound:
		code = errs.NotFound
	case http.StatusUnauthorized:
		code = errs.Unauthenticated
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		code = errs.Unavailable
	}
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	var p struct {
		Title, Detail, RequestID string
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxErrorText<<4))
	if err != nil || kind != "application/problem+json" || json.Unmarshal(text, &p) != nil || p.Detail == "" && p.Title == "" {
		return errs.Newf(code, "%s answered %s, which is not Gelato's: is the endpoint right?", r.base, oneLine(answer.Status))
	}
	detail := p.Detail
	if detail == "" {
		detail = p.Title
	}
	if answer.StatusCode == http.StatusInternalServerError && p.RequestID != "" {
		detail += " (request " + p.RequestID + ")"
	}
	return errs.Newf(code, "%s", oneLine(detail))
}

func (r *rest) unreachable(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return errs.Newf(errs.Unavailable, "cannot talk to Gelato at %s: %s", r.base, oneLine(err.Error()))
}

// list calls each for every item of a listing, page after page.
func (r *rest) list(ctx context.Context, resource string, query url.Values, each func(item json.RawMessage) error) error {
	q := url.Values{"limit": {pageSize}}
	for k, v := range query {
		q[k] = v
	}
	for {
		answer, err := r.call(ctx, http.MethodGet, []string{resource}, q, nil)
		if err != nil {
			return err
		}
		var page struct {
			Items []json.RawMessage
			Next  string
		}
		if err := json.Unmarshal(answer, &page); err != nil {
			return fmt.Errorf("read list of %s: %w", resource, err)
		}
		for _, item := range page.Items {
			if err := each(item); err != nil {
				return err
			}
		}
		if page.Next == "" || page.Next == q.Get("after") {
			return nil
		}
		q.Set("after", page.Next)
	}
}

// lines calls each for every line of a stream of JSON lines. A stream that is cut off is an error.
func (r *rest) lines(ctx context.Context, path []string, each func(line []byte) error) error {
	answer, err := r.open(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	scan := bufio.NewScanner(answer.Body)
	scan.Buffer(make([]byte, 64<<10), maxAnswer)
	scan.Split(wholeLines)
	for scan.Scan() {
		if err := each(scan.Bytes()); err != nil {
			return err
		}
	}
	if err := scan.Err(); err != nil {
		return r.unreachable(fmt.Errorf("the answer was cut off: %w", err))
	}
	return nil
}

// wholeLines is a bufio.SplitFunc for lines that all end in a line feed: what comes after the last one is not a line.
func wholeLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return 0, nil, nil
}

// oneLine makes text from outside fit for one line of a terminal.
func oneLine(text string) string {
	return strings.TrimSpace(strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return ' '
	}, text[:min(len(text), maxErrorText)]))
}
