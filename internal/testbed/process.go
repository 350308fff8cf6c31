package testbed

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// readyTimeout bounds how long a child may take until it is ready; generous, for crowded machines.
const readyTimeout = 60 * time.Second

// stopTimeout is how long a child may take to end after SIGTERM before it is killed.
const stopTimeout = 15 * time.Second

// ErrExited says that a child ended before it was ready.
var ErrExited = errors.New("the process ended")

// Process is a child of the test process. It dies with the test process, however that ends.
type Process struct {
	cmd  *exec.Cmd
	out  *tail
	done chan struct{} // closed when the child has been waited for
	err  error         // of Wait, valid once done is closed
}

// Start runs a prepared command as a child that cannot outlive the test process. Its output (stdout too, where cmd.Stdout is nil)
// is kept in part for Output. The caller ends it with Stop or Kill.
//
// The kernel sends the death signal when the thread that forked ends, not the process; so each child gets a goroutine with a
// locked thread that waits for it.
func Start(cmd *exec.Cmd) (*Process, error) {
	p := &Process{cmd: cmd, out: &tail{}, done: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = p.out
	}
	if cmd.Stderr == nil {
		cmd.Stderr = p.out
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed once the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err returns how the process ended, as exec.Cmd.Wait does; call it after Done.
func (p *Process) Err() error { <-p.done; return p.err }

// Output returns the last output of the process, at most 64 KiB.
func (p *Process) Output() string { return p.out.String() }

// Signal sends a signal; one that has ended is left alone.
func (p *Process) Signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Pause freezes the process with SIGSTOP and returns once each of its threads stands still; Signal(SIGCONT) ends it.
func (p *Process) Pause() error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for deadline := time.Now().Add(stopTimeout); ; time.Sleep(time.Millisecond) {
		if stopped, err := allStopped(p.PID()); err != nil || stopped {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d does not stop", p.PID())
		}
	}
}

// allStopped says whether every thread of a process is in state T; the signal arrives some time after kill(2) returned.
func allStopped(pid int) (bool, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		return false, err
	}
	if len(threads) == 0 {
		return false, os.ErrProcessDone
	}
	for _, path := range threads {
		stat, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // the thread has ended
		}
		if err != nil {
			return false, err
		}
		_, state, _ := strings.Cut(string(stat), ") ")
		if !strings.HasPrefix(state, "T") {
			return false, nil
		}
	}
	return true, nil
}

// Stop ends the process with SIGTERM, or SIGKILL if it does not obey, and waits for it.
func (p *Process) Stop() {
	_ = p.Signal(syscall.SIGCONT) // a paused process would never see SIGTERM
	_ = p.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		p.Kill()
	}
}

// Kill ends the process with SIGKILL and waits for it.
func (p *Process) Kill() {
	_ = p.Signal(syscall.SIGKILL)
	<-p.done
}

// WaitReady calls ready until it returns nil. It fails when the process ends (ErrExited) or takes more than a minute.
func (p *Process) WaitReady(ready func() error) error {
	deadline := time.Now().Add(readyTimeout)
	for wait := 2 * time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		err := ready()
		if err == nil {
			select {
			case <-p.done: // somebody else answered
			default:
				return nil
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d not ready after %v: %w\n%s", p.PID(), readyTimeout, err, p.Output())
		}
		select {
		case <-p.done:
			return fmt.Errorf("%w: %v\n%s", ErrExited, p.err, p.Output())
		case <-time.After(wait):
		}
	}
}

// startAnswering starts cmd and waits until it is ready; a process that does not get there is ended.
func startAnswering(cmd *exec.Cmd, ready func() error) (*Process, error) {
	p, err := Start(cmd)
	if err != nil {
		return nil, err
	}
	if err := p.WaitReady(ready); err != nil {
		p.Kill()
		return nil, err
	}
	return p, nil
}

// Run starts cmd and ends it when the test does. The test fails at once if it does not start or does not get ready; a nil ready asks nothing.
func Run(t testing.TB, cmd *exec.Cmd, ready func() error) *Process {
	t.Helper()
	p, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	if ready != nil {
		if err := p.WaitReady(ready); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailBytes = 64 << 10

func (w *tail) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = append(w.buf, b...)
	if len(w.buf) > 2*tailBytes {
		w.buf = append(w.buf[:0], w.buf[len(w.buf)-tailBytes:]...)
	}
	return len(b), nil
}

func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.buf
	if len(b) > tailBytes {
		b = b[len(b)-tailBytes:]
	}
	return string(bytes.Clone(b))
}
