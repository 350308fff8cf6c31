package testbed

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Problem is what REST answers in place of success (RFC 9457).
type Problem struct {
	Status                               int
	Type, Title, Code, Detail, RequestID string
	ContentType                          string // of the answer: application/problem+json
}

func (p *Problem) Error() string {
	return fmt.Sprintf("%d %s: %s (%s)", p.Status, p.Code, p.Detail, p.Title)
}

// REST sends a request as root to the default tenant: path is as in "backends" or "jobs/ID". in is sent as JSON, a string as it is, nil
// as nothing; the answer is decoded into out unless that is nil. An answer of 300 or more is a *Problem.
func (f *Front) REST(ctx context.Context, method, path string, in, out any) error {
	body, err := f.Stream(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer body.Close()
	if out == nil {
		_, err = io.Copy(io.Discard, body)
		return err
	}
	if err := json.NewDecoder(body).Decode(out); err != nil {
		return fmt.Errorf("%s %s: read answer: %w", method, path, err)
	}
	return nil
}

// Stream is REST with the answer's body as it comes; the caller closes it.
func (f *Front) Stream(ctx context.Context, method, path string, in any) (io.ReadCloser, error) {
	var body io.Reader
	switch in := in.(type) {
	case nil:
	case string:
		body = strings.NewReader(in)
	default:
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, f.API+"/v1/default/"+path, body)
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(f.Access, f.Secret)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := f.rest.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 300 {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	p := &Problem{ContentType: resp.Header.Get("Content-Type")}
	if json.Unmarshal(text, p) != nil {
		p.Detail = string(text)
	}
	p.Status = resp.StatusCode
	return nil, fmt.Errorf("%s %s: %w", method, path, p)
}

// Job is what REST says of a job.
type Job struct {
	ID, PlanID, PlanName, Mode, Status, Error          string
	TotalCount, PassedCount, SkippedCount, FailedCount int64
	TotalCapacity, PassedCapacity                      int64
	Progress, Rate                                     float64
	TotalsFinal                                        bool
}

// Over says that the job will not change any more.
func (j Job) Over() bool {
	return j.Status == "succeeded" || j.Status == "failed" || j.Status == "cancelled"
}

// RegisterS3 registers a bucket of an S3 server as backend.
func (f *Front) RegisterS3(ctx context.Context, name string, s *S3Server, bucket string) error {
	return f.REST(ctx, http.MethodPost, "backends", map[string]any{
		"name": name, "type": "aws-s3", "endpoint": s.Endpoint, "region": s.Region, "bucketName": bucket,
		"access": s.Access, "security": s.Secret, "options": map[string]string{"pathStyle": "true"},
	}, nil)
}

// Relocate makes a plan that moves a bucket to a backend, runs it, and returns the job's id.
func (f *Front) Relocate(ctx context.Context, plan, bucket, backend string) (string, error) {
	return f.launch(ctx, plan, "relocate", bucket, map[string]string{"backend": backend})
}

// Copy makes a plan that copies a bucket to another one, runs it, and returns the job's id.
func (f *Front) Copy(ctx context.Context, plan, from, to string) (string, error) {
	return f.launch(ctx, plan, "copy", from, map[string]string{"bucket": to})
}

func (f *Front) launch(ctx context.Context, plan, mode, bucket string, destination map[string]string) (string, error) {
	err := f.REST(ctx, http.MethodPost, "plans", map[string]any{
		"name": plan, "mode": mode, "source": map[string]string{"bucket": bucket}, "destination": destination,
	}, nil)
	if err != nil {
		return "", err
	}
	var run struct{ JobID string }
	if err := f.REST(ctx, http.MethodPost, "plans/"+plan+"/run", nil, &run); err != nil {
		return "", err
	}
	return run.JobID, nil
}

// Job asks for a job.
func (f *Front) Job(ctx context.Context, id string) (Job, error) {
	var j Job
	err := f.REST(ctx, http.MethodGet, "jobs/"+id, nil, &j)
	return j, err
}

// WaitJob polls a job until it is over or ctx ends. Each state seen goes to watch, unless that is nil.
func (f *Front) WaitJob(ctx context.Context, id string, every time.Duration, watch func(Job)) (Job, error) {
	for {
		j, err := f.Job(ctx, id)
		if err != nil {
			return j, err
		}
		if watch != nil {
			watch(j)
		}
		if j.Over() {
			return j, nil
		}
		select {
		case <-ctx.Done():
			return j, fmt.Errorf("job %s is %s, %d of %d passed: %w", id, j.Status, j.PassedCount, j.TotalCount, context.Cause(ctx))
		case <-time.After(every):
		}
	}
}

// Outcome is a line of a job's report.
type Outcome struct {
	Key, VersionID, Outcome, Reason, Proof string
	Bytes                                  int64
	Source, Destination                    Place
}

// Place is one side of an Outcome.
type Place struct{ Backend, Algorithm, Checksum string }

// Report reads a job's whole report.
func (f *Front) Report(ctx context.Context, id string) ([]Outcome, error) {
	body, err := f.Stream(ctx, http.MethodGet, "jobs/"+id+"/report", nil)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	var all []Outcome
	for dec := json.NewDecoder(body); ; {
		var o Outcome
		if err := dec.Decode(&o); err == io.EOF {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("read report: %w", err)
		}
		all = append(all, o)
	}
}
