package testbed

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// startReady starts cmd and waits for a line on stdout that begins with prefix, which it returns. A process that is not ready in time is killed.
func startReady(cmd *exec.Cmd, prefix string) (*Process, string, error) {
	p, ready, err := startWatched(cmd, prefix)
	if err != nil {
		return nil, "", err
	}
	line, err := p.waitLine(ready)
	if err != nil {
		p.Kill()
		return nil, "", err
	}
	return p, line, nil
}

// startWatched starts cmd; the first line on its stdout that begins with prefix comes through the channel.
func startWatched(cmd *exec.Cmd, prefix string) (*Process, <-chan string, error) {
	stdout, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	cmd.Stdout = w
	p, err := Start(cmd)
	w.Close()
	if err != nil {
		stdout.Close()
		return nil, nil, err
	}
	ready := make(chan string, 1)
	go func() { // ends when the process does
		defer stdout.Close()
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if line := lines.Text(); strings.HasPrefix(line, prefix) {
				ready <- line
				break
			}
		}
		_, _ = io.Copy(io.Discard, stdout)
	}()
	return p, ready, nil
}

func (p *Process) waitLine(ready <-chan string) (string, error) {
	select {
	case line := <-ready:
		return line, nil
	case <-p.Done():
		return "", fmt.Errorf("%w: %v\n%s", ErrExited, p.Err(), p.Output())
	case <-time.After(readyTimeout):
		return "", fmt.Errorf("no ready line within %v\n%s", readyTimeout, p.Output())
	}
}

// field returns the word after name in a line.
func field(line, name string) string {
	for word := range strings.FieldsSeq(line) {
		if v, ok := strings.CutPrefix(word, name); ok {
			return v
		}
	}
	return ""
}

// Drain sends SIGTERM and returns the exit code, an error if the process does not end within limit.
func (p *Process) Drain(limit time.Duration) (int, error) {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	select {
	case <-p.Done():
	case <-time.After(limit):
		return 0, fmt.Errorf("still running %v after SIGTERM", limit)
	}
	if err := p.Err(); err != nil {
		if e, ok := errors.AsType[*exec.ExitError](err); ok {
			return e.ExitCode(), nil
		}
		return 0, err
	}
	return 0, nil
}

// PeakMemory returns the largest resident set (VmHWM) in bytes; 0 once the process has ended.
func (p *Process) PeakMemory() int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			if err == nil {
				return kib << 10
			}
		}
	}
	return 0
}

// CPU returns the processor time, user and system, that the process has used; 0 once it has ended.
func (p *Process) CPU() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest) // from field 3 of proc(5) on: utime is 14, stime 15, in hundredths of a second
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
