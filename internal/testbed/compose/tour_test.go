package compose

import (
	"archive/tar"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/readme"
)

// tour follows README.md: docker compose up, then the first migration. It leaves the services up.
func (s *stage) tour(t *testing.T) {
	blocks, err := readme.Read()
	if err != nil {
		t.Fatal(err)
	}
	script := "PATH=" + filepath.Dir(testbed.Binary(t, "venv/bin/aws")) + ":$PATH\n" + readme.Script(blocks, "compose", "tour")
	cmd := s.project.Command(t.Context(), "bash", "-c", script)
	out, err := cmd.CombinedOutput()
	if err != nil {
		logs, _ := s.project.Command(t.Context(), "docker", "compose", "logs", "--no-color", "--tail", "40").CombinedOutput()
		t.Fatalf("README's commands: %v\n%s\n%s", err, out, logs)
	}
	listing := string(out[strings.LastIndex(string(out), "# README.md"):])
	want := 0
	err = filepath.WalkDir(filepath.Join(s.project.Dir, "proto"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		want++
		rel, err := filepath.Rel(s.project.Dir, path)
		if !strings.Contains(listing, " "+rel+"\n") {
			t.Errorf("the last listing lacks %s:\n%s", rel, listing)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(listing, "succeeded") {
		t.Errorf("the last commands do not say that the job succeeded:\n%s", listing)
	}
	if got := s.blobs(t, "second"); got != want {
		t.Errorf("the second store holds %d blobs, want %d", got, want)
	}

	credentials, err := os.ReadFile(filepath.Join(s.project.Dir, "bin", "root-credentials"))
	if err != nil {
		t.Fatal(err)
	}
	values := maps.Collect(pairs(string(credentials)))
	s.gelato = &testbed.Front{S3: "http://127.0.0.1:8090", API: "http://127.0.0.1:8089",
		Access: values["GELATO_ROOT_ACCESS_KEY"], Secret: values["GELATO_ROOT_SECRET_KEY"]}
}

// pairs yields the names and values of NAME=VALUE lines.
func pairs(text string) func(func(string, string) bool) {
	return func(yield func(string, string) bool) {
		for line := range strings.Lines(text) {
			if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !yield(name, value) {
				return
			}
		}
	}
}

// blobs counts the blobs in a store of the services.
func (s *stage) blobs(t *testing.T, store string) int {
	n := 0
	for name := range s.files(t, "s3", "/var/lib/gelato/stores/"+store) {
		if blob.IsOurs("x/" + path.Base(name)) {
			n++
		}
	}
	return n
}

// files reads the files below a directory of a service's container.
func (s *stage) files(t *testing.T, service, dir string) map[string]string {
	t.Helper()
	out, err := s.project.Run(t.Context(), "cp", service+":"+dir, "-")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for files := tar.NewReader(strings.NewReader(out)); ; {
		h, err := files.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		text, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		all[h.Name] = string(text)
	}
}
