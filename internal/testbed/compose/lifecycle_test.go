package compose

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"testing"

	"github.com/opensds/gelato/internal/testbed/s3lite"
)

// downAndUp removes every container and makes them again: what is kept is in volumes.
func (s *stage) downAndUp(t *testing.T) {
	before := s.secrets(t)
	if _, err := s.project.Run(t.Context(), "down"); err != nil {
		t.Fatal(err)
	}
	if out, err := s.engine.Run(t.Context(), "ps", "--all", "--quiet"); err != nil || out != "" {
		t.Fatalf("after down there are containers %q, %v", out, err)
	}
	if _, err := s.project.Run(t.Context(), "up", "--detach", "--wait"); err != nil {
		t.Fatal(err)
	}
	if err := s.serves(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := s.secrets(t); !maps.Equal(after, before) {
		t.Error("the secrets changed")
	}
	s.checkWorld(t)
	var backends struct{ Items []struct{ Name string } }
	if err := s.gelato.REST(t.Context(), http.MethodGet, "backends", nil, &backends); err != nil || len(backends.Items) != 2 {
		t.Errorf("the backends are %+v, %v", backends, err)
	}
}

// demo moves the bucket to a store of the demo profile, and wants it all there. Azurite has no stand-in.
func (s *stage) demo(t *testing.T) {
	if _, err := s.project.Run(t.Context(), "--profile", "demo", "up", "--detach", "store-a", "store-b"); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"http://127.0.0.1:7071", "http://127.0.0.1:7072"} {
		store, err := s3lite.New(s3lite.Endpoint{URL: url, Access: "demo-access", Secret: "demo-secret", Region: "us-east-1"})
		if err != nil {
			t.Fatal(err)
		}
		if err := until(t.Context(), healTime, func(ctx context.Context) error { return store.CreateBucket(ctx, "data", "") }); err != nil {
			t.Fatal(err)
		}
	}
	err := s.gelato.REST(t.Context(), http.MethodPost, "backends", map[string]any{
		"name": "a", "type": "aws-s3", "endpoint": "http://store-a:7070", "region": "us-east-1", "bucketName": "data",
		"access": "demo-access", "security": "demo-secret", "options": map[string]string{"pathStyle": "true"},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	id, err := s.gelato.Relocate(t.Context(), "to-a", loadBucket, "a")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), healTime, errors.New("it takes too long"))
	defer cancel()
	job, err := s.gelato.WaitJob(ctx, id, pollInterval, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.world.jobs = append(s.world.jobs, job)
	s.checkWorld(t)
}

// forget takes everything away, volumes too.
func (s *stage) forget(t *testing.T) {
	if _, err := s.project.Run(t.Context(), "--profile", "demo", "down", "--volumes"); err != nil {
		t.Fatal(err)
	}
	if out, err := s.engine.Run(t.Context(), "volume", "ls", "--quiet", "--filter", "name=gelato_"); err != nil || out != "" {
		t.Errorf("there are still the volumes %q, %v", out, err)
	}
}
