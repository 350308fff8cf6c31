package posix_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/adaptertest"
	"github.com/opensds/gelato/adapters/posix"
)

func open(t testing.TB, dir, prefix, sync string) *posix.Store {
	t.Helper()
	s, err := posix.Open(t.Context(), adapters.Config{Type: posix.Type, BucketName: dir, Prefix: prefix, Options: map[string]string{"sync": sync}}, adapters.Deps{})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// leftovers lists staged files, sidecars and folders that are empty.
func leftovers(t *testing.T, dir string) []string {
	var left []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		inTmp := strings.Contains(rel, ".gelato~store/tmp/") && strings.Count(rel, "/") > 2
		if inTmp && d.Name() != "alive" || strings.HasPrefix(rel, ".gelato~store/meta/") && !d.IsDir() {
			left = append(left, rel)
		}
		if d.IsDir() && rel != "." && !strings.Contains(rel, ".gelato~store") {
			if in, _ := os.ReadDir(path); len(in) == 0 {
				left = append(left, rel+"/")
			}
		}
		return nil
	})
	if err != nil {
		t.Errorf("walk: %v", err)
	}
	return left
}

func harness(sync, prefix string) adaptertest.Harness {
	dirs := map[adapters.Store]string{}
	var mu = make(chan struct{}, 1)
	return adaptertest.Harness{
		New: func(t *testing.T) adapters.Store {
			dir := t.TempDir()
			s := open(t, dir, prefix, sync)
			mu <- struct{}{}
			dirs[s] = dir
			<-mu
			return s
		},
		Leftovers: func(t *testing.T, s adapters.Store) []string {
			mu <- struct{}{}
			dir := dirs[s]
			<-mu
			return leftovers(t, dir)
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	named := harness("false", "")
	unnamed := named.New
	named.New = func(t *testing.T) adapters.Store {
		s := unnamed(t)
		if err := posix.NameStaged(s.(*posix.Store)); err != nil {
			t.Fatal(err)
		}
		return s
	}
	for name, h := range map[string]adaptertest.Harness{
		"sync": harness("true", ""), "scratch": harness("false", ""), "prefix": harness("false", "deep/pre fix-"), "named": named,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			adaptertest.Run(t, h)
		})
	}
}
