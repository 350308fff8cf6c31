package catalog

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
)

func TestGuard(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{-1, 0, 1, 10} {
		for _, failed := range []error{nil, errors.New("no note")} {
			synctest.Test(t, func(t *testing.T) {
				content := strings.Repeat("x", int(max(size, 0)))
				if size < 0 {
					content = "unknown"
				}
				w := &Write{ready: make(chan struct{})}
				guarded := w.Guard(strings.NewReader(content), size)
				if _, ok := guarded.(io.Seeker); !ok {
					t.Error("the guard cannot seek")
				}
				var got bytes.Buffer
				var err error
				done := make(chan struct{})
				go func() {
					defer close(done)
					_, err = io.Copy(&got, guarded)
				}()
				synctest.Wait()
				select {
				case <-done:
					t.Errorf("size %d: the end came before the note", size)
				default:
				}
				if size > 0 && got.Len() != int(size)-1 {
					t.Errorf("size %d: %d bytes came before the note", size, got.Len())
				}
				w.noted = failed
				close(w.ready)
				<-done
				if !errors.Is(err, failed) || failed == nil && got.String() != content {
					t.Errorf("size %d: read %q, %v; want %q, %v", size, got.String(), err, content, failed)
				}
			})
		}
	}
}

func TestGuardReads(t *testing.T) {
	t.Parallel()
	w := &Write{ready: make(chan struct{})}
	close(w.ready)
	content := []byte("some content")
	if err := iotest.TestReader(w.Guard(bytes.NewReader(content), int64(len(content))), content); err != nil {
		t.Error(err)
	}
}
