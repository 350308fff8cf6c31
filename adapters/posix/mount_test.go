//go:build linux

package posix_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/adaptertest"
)

// inNamespace runs the calling test again in a process with mounts of its own, which vanish with it, and reports whether this is that process.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv("GELATO_TEST_MOUNTS") == t.Name() {
		return true
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "GELATO_TEST_MOUNTS="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}, GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) {
		t.Skipf("no mount namespaces here: %v", err)
	}
	if err != nil {
		t.Errorf("in a namespace: %v\n%s", err, out)
	}
	return false
}

func mount(t *testing.T, kind, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount(kind, dir, kind, 0, options); err != nil {
		t.Fatalf("mount %s: %v", kind, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// TestFullDisk runs the suite on a disk that is full at the wrong moment.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	if !inNamespace(t) {
		return
	}
	dirs := map[adapters.Store]string{}
	h := adaptertest.Harness{
		Failing: func(t *testing.T) (adapters.Store, func(int64)) {
			disk := mount(t, "tmpfs", "size=32m")
			dir := filepath.Join(disk, "store")
			if err := os.Mkdir(dir, 0o750); err != nil {
				t.Fatal(err)
			}
			filler := filepath.Join(disk, "filler")
			s := open(t, dir, "", "true")
			dirs[s] = dir
			return s, func(n int64) {
				os.Remove(filler)
				if n >= 0 {
					fill(t, filler, n)
				}
			}
		},
		Leftovers: func(t *testing.T, s adapters.Store) []string { return leftovers(t, dirs[s]) },
	}
	adaptertest.RunFailing(t, h)
}

// fill makes a file that leaves about n bytes of its disk.
func fill(t *testing.T, path string, n int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	if err := unix.Fallocate(int(f.Fd()), 0, 0, int64(st.Bavail)*st.Bsize-n); err != nil {
		t.Fatal(err)
	}
}

// TestWithoutAttributes runs the suite on a file system that has no extended attributes.
func TestWithoutAttributes(t *testing.T) {
	t.Parallel()
	if !inNamespace(t) {
		return
	}
	adaptertest.Run(t, adaptertest.Harness{New: func(t *testing.T) adapters.Store { return open(t, mount(t, "ramfs", ""), "", "false") }})
}
