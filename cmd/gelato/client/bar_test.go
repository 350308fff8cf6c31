package client

import (
	"errors"
	"strings"
	"testing"
)

// TestBar draws on a terminal: each line covers what was there before.
func TestBar(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	d := &display{out: &out, bar: true}
	d.job(job{Status: "running", Progress: 50, TotalCount: 1000, PassedCount: 500, Rate: 1 << 20, TotalsFinal: true})
	d.job(job{Status: "succeeded", Progress: 100})
	d.end()
	first := "[##########----------] running   50.0%  500/1,000 objects  0 B/0 B  1.0 MiB/s"
	second := "[####################] succeeded  100.0%  0/0 objects  0 B/0 B"
	if got, want := out.String(), "\r"+first+"\r"+second+strings.Repeat(" ", len(first)-len(second))+"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1<<20 - 1: "1.0 MiB", 1 << 30: "1.0 GiB", 5 << 40: "5.0 TiB"} {
		if got := bytesText(n); got != want {
			t.Errorf("bytesText(%d) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := countText(n); got != want {
			t.Errorf("countText(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestMessage(t *testing.T) {
	t.Parallel()
	err := errors.Join(errors.New("first\x1b[0m"), errors.New("second"))
	if got, want := Message(err), "first [0m; second"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
