package docker

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/opensds/gelato/internal/testbed"
)

// Project is docker-compose.yml with compose.test.yml laid over it.
type Project struct {
	Engine *Engine
	Dir    string   // a checkout
	Env    []string // what makes `docker compose` mean this project
}

// Compose prepares the project in a checkout, and the stand-ins for the servers in it.
func (e *Engine) Compose(ctx context.Context, dir string) (*Project, error) {
	for name, tag := range map[string]string{"mongo": "mongo:8.0", "kafka": "apache/kafka:4.1.1"} {
		prefix := map[string]string{"mongo": "server", "kafka": "kafka_"}[name]
		if err := e.StandIn(ctx, name, map[string]string{"jars": testbed.Jars(e.t, name, prefix)}, tag); err != nil {
			return nil, err
		}
	}
	bin := e.t.TempDir()
	program, err := os.ReadFile(testbed.Binary(e.t, "versitygw"))
	if err == nil {
		err = os.WriteFile(filepath.Join(bin, "versitygw"), program, 0o755)
	}
	if err == nil {
		err = e.StandIn(ctx, "versitygw", map[string]string{"bin": bin}, "versity/versitygw:v1.8.0")
	}
	if err != nil {
		return nil, err
	}
	return &Project{Engine: e, Dir: dir, Env: []string{
		"COMPOSE_FILE=docker-compose.yml:internal/testbed/docker/compose.test.yml", "COMPOSE_ANSI=never", "COMPOSE_PROGRESS=plain",
		"GELATO_STATE=mongodb://mongo:27017/gelato", // the stand-in is no replica set
	}}, nil
}

// Command prepares a command in the checkout, in whose environment `docker compose` means this project.
func (p *Project) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := p.Engine.Command(ctx, name, args...)
	cmd.Dir, cmd.Env = p.Dir, append(cmd.Env, p.Env...)
	return cmd
}

// Run runs `docker compose args` and returns what it wrote to stdout; the error holds what it wrote to stderr.
func (p *Project) Run(ctx context.Context, args ...string) (string, error) {
	cmd := p.Command(ctx, "docker", append([]string{"compose"}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("docker compose %s: %w\n%s", strings.Join(args, " "), err, &stderr)
	}
	return string(out), nil
}

// Containers returns the names of the running containers by service.
func (p *Project) Containers(ctx context.Context) (map[string][]string, error) {
	out, err := p.Run(ctx, "ps", "--format", "{{.Service}} {{.Name}}")
	if err != nil {
		return nil, err
	}
	all := map[string][]string{}
	for line := range strings.Lines(out) {
		service, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		all[service] = append(all[service], name)
	}
	return all, nil
}

// WaitHealthy waits until a container's own health check says that it is well, after at least one check that began after this call.
func (p *Project) WaitHealthy(ctx context.Context, container string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	start := time.Now().UTC()
	for {
		out, err := p.Engine.Run(ctx, "inspect", "--format", "{{.State.Health.Status}} {{range .State.Health.Log}}{{json .Start}} {{end}}", container)
		if err != nil {
			return fmt.Errorf("wait for %s: %w", container, err)
		}
		fields := strings.Fields(out)
		if len(fields) > 1 && fields[0] == "healthy" {
			last, err := time.Parse(time.RFC3339Nano, strings.Trim(fields[len(fields)-1], `"`))
			if err != nil {
				return err
			}
			if last.After(start) {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is %s: %w", container, strings.TrimSpace(out), ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
