package compose

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/docker"
	"github.com/opensds/gelato/internal/testbed/readme"
)

func TestMain(m *testing.M) { docker.Main(m) }

// TestDeployment builds the image and uses it the ways that README shows. Its parts follow one another on one engine, and each needs
// those before it.
func TestDeployment(t *testing.T) {
	e := docker.Start(t)
	s := &stage{engine: e}
	s.build(t)
	withLibrados := make(chan error, 1)
	go func() { withLibrados <- s.buildTarget(t.Context(), "ceph", cephImage) }() // while the rest mostly waits
	for _, part := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"image", s.checkImage},
		{"up in one container", s.runUp},
		{"tour", s.tour},
		{"exposure", s.checkExposure},
		{"faults", s.faults},
		{"down and up", s.downAndUp},
		{"demo", s.demo},
		{"forgotten", s.forget},
		{"image with librados", func(t *testing.T) { s.checkCeph(t, <-withLibrados) }},
	} {
		from := time.Now()
		if !t.Run(part.name, part.run) {
			t.Fatalf("%s failed: the rest is left out", part.name)
		}
		t.Logf("%s took %v", part.name, time.Since(from).Round(time.Second))
	}
}

// stage is an engine with the image in it, and later the services.
type stage struct {
	engine  *docker.Engine
	project *docker.Project
	gelato  *testbed.Front // what the services are to a client; not a process
	world   *world         // the load's
}

// build copies the checkout and builds its image on local images that stand in for the bases.
func (s *stage) build(t *testing.T) {
	dir := t.TempDir()
	if err := readme.Checkout(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	from := time.Now()
	if err := s.engine.Golang(t.Context()); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.project, err = s.engine.Compose(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	t.Logf("stand-ins took %v", time.Since(from).Round(time.Second))
	from = time.Now()
	if err := s.buildTarget(t.Context(), "", image); err != nil {
		t.Fatal(err)
	}
	t.Logf("the image took %v", time.Since(from).Round(time.Second))
}

// buildTarget builds a stage of the Dockerfile, "" the last one.
func (s *stage) buildTarget(ctx context.Context, target, tag string) error {
	_, err := s.engine.Run(ctx, "buildx", "build", "--progress", "plain", "--file", filepath.Join(s.project.Dir, "deploy", "Dockerfile"),
		"--target", target, "--tag", tag, s.project.Dir)
	return err
}
