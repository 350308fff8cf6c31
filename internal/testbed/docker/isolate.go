package docker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/opensds/gelato/internal/testbed"
)

const (
	// dirEnv names the engine's directory; it is set for the process inside the namespaces.
	dirEnv = "GELATO_TEST_DOCKER_INSIDE"
	// keepEnv names a directory that keeps images and build caches from one run to the next, for work on these tests.
	keepEnv = "GELATO_TEST_DOCKER_KEEP"
	// cgroupParent is the control group of all containers of a run; its name ends with the process id of the run.
	cgroupParent = "gelato-test-"
)

// Main runs the tests of a package in namespaces of their own and ends the process; with GELATO_TEST_SHORT=1 it runs them as they are,
// and Start skips them.
func Main(m *testing.M) {
	switch {
	case testbed.Short():
		os.Exit(m.Run())
	case os.Getenv(dirEnv) != "":
		if err := settle(); err != nil {
			fmt.Fprintln(os.Stderr, "docker: set up namespaces:", err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	code, err := isolate()
	if err != nil {
		fmt.Fprintln(os.Stderr, "docker:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

// isolate runs this test binary again, inside, and cleans up behind it.
func isolate() (code int, err error) {
	runtime.LockOSThread() // the death signal comes when the thread that forked ends
	dir := os.Getenv(keepEnv)
	if dir == "" {
		// A short name: paths of sockets have at most 108 bytes.
		if dir, err = os.MkdirTemp("", "gd"); err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, err
	}
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Env = append(os.Environ(), dirEnv+"="+dir, fmt.Sprintf("%s_PID=%d", dirEnv, os.Getpid()))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWIPC,
		Pdeathsig:  syscall.SIGKILL,
	}
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code, err = max(exit.ExitCode(), 1), nil
	}
	if err != nil {
		return 0, fmt.Errorf("run in namespaces (this needs root): %w", err)
	}
	return code, removeGroups(fmt.Sprintf("%s%d", cgroupParent, os.Getpid()))
}

// settle makes the fresh namespaces habitable: mounts that nobody else sees, a /proc of the processes in it, a /run that is empty, and
// the loopback interface up.
func settle() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	// containerd keeps the sockets of its shims in /run/containerd, iptables its lock in /run, whatever they are told.
	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a socket: %w", err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	return nil
}

// removeGroups removes the empty control groups that a killed engine leaves.
func removeGroups(name string) error {
	for _, pattern := range []string{"/sys/fs/cgroup/" + name, "/sys/fs/cgroup/*/" + name} {
		tops, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		for _, top := range tops {
			var groups []string
			err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
				if err == nil && d.IsDir() {
					groups = append(groups, path)
				}
				return err
			})
			if err != nil {
				return fmt.Errorf("list control groups: %w", err)
			}
			for _, g := range slices.Backward(groups) {
				if err := unix.Rmdir(g); err != nil {
					return fmt.Errorf("remove control group %s: %w", g, err)
				}
			}
		}
	}
	return nil
}
