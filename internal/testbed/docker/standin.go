package docker

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/opensds/gelato/internal/testbed"
)

//go:embed standins/*.Dockerfile
var standins embed.FS

// debian is the image that the stand-ins are made from.
const debian = "gelato-test/debian"

// StandIn makes a local image from standins/<recipe>.Dockerfile and gives it the tags. contexts are directories that the recipe copies
// from, by name.
func (e *Engine) StandIn(ctx context.Context, recipe string, contexts map[string]string, tags ...string) error {
	if err := e.debian(ctx); err != nil {
		return err
	}
	text, err := standins.ReadFile("standins/" + recipe + ".Dockerfile")
	if err != nil {
		return err
	}
	args := []string{"buildx", "build", "--progress", "plain"}
	for _, tag := range tags {
		args = append(args, "--tag", tag)
	}
	for name, dir := range contexts {
		args = append(args, "--build-context", name+"="+dir)
	}
	cmd := e.Command(ctx, "docker", append(args, "-")...)
	cmd.Stdin = bytes.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make a stand-in for %v: %w\n%s", tags, err, out)
	}
	return nil
}

// debian brings the Debian root file system in as an image, once.
func (e *Engine) debian(ctx context.Context) error {
	if _, err := e.Run(ctx, "image", "inspect", debian); err == nil {
		return nil
	}
	_, err := e.Run(ctx, "import", "--change", "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "--change", `CMD ["bash"]`, e.tar, debian)
	return err
}

// Golang makes the stand-ins of the bases that deploy/Dockerfile names: the Go image with this machine's toolchain and a module proxy
// in its file system, a Debian, and the distroless image.
func (e *Engine) Golang(ctx context.Context) error {
	root, err := testbed.Root()
	if err != nil {
		return err
	}
	goroot, err := goEnv(ctx, root, "GOROOT")
	if err != nil {
		return err
	}
	modules, err := os.MkdirTemp("", "gelato-modules-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(modules)
	if err := copyModules(ctx, root, modules); err != nil {
		return fmt.Errorf("gather modules: %w", err)
	}
	if err := e.StandIn(ctx, "golang", map[string]string{"goroot": goroot, "modules": modules}, "golang:1.26-bookworm"); err != nil {
		return err
	}
	if err := e.StandIn(ctx, "debian", nil, "debian:bookworm-slim"); err != nil {
		return err
	}
	return e.StandIn(ctx, "static", nil, "gcr.io/distroless/static-debian12:nonroot")
}

func goEnv(ctx context.Context, dir, name string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "env", name)
	cmd.Dir = dir
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

// copyModules copies to dir what a module proxy must have so that the binary builds, with librados too: the archives of the modules it is made of, and every
// go.mod at hand.
func copyModules(ctx context.Context, root, dir string) error {
	cache, err := goEnv(ctx, root, "GOMODCACHE")
	if err != nil {
		return err
	}
	cache = filepath.Join(cache, "cache", "download")
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-tags", "ceph", "-f", "{{with .Module}}{{if .Version}}{{.Path}}/@v/{{.Version}}{{end}}{{end}}", "./cmd/gelato")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("list modules: %w", err)
	}
	wanted := map[string]bool{}
	for line := range strings.FieldsSeq(string(out)) {
		wanted[escape(line)+".zip"] = true
	}
	return filepath.WalkDir(cache, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(cache, path)
		if err != nil || d.IsDir() || !wanted[rel] && filepath.Ext(rel) != ".mod" && filepath.Ext(rel) != ".info" {
			return err
		}
		to := filepath.Join(dir, rel)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, data, 0o644)
	})
}

// escape writes a module path the way a proxy's file names do: !x for X.
func escape(path string) string {
	var b strings.Builder
	for _, r := range path {
		if unicode.IsUpper(r) {
			b.WriteByte('!')
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}
