package catalog

import "io"

// Guard wraps the body of a native upload so that the upload runs in parallel with the storing of the note, yet cannot become visible before it: the
// last byte (or, where size is -1, the end) is held back until the note is stored, and turns into an error when it could not be.
// The result can seek if body can.
func (w *Write) Guard(body io.Reader, size int64) io.Reader {
	g := &guard{w: w, body: body, size: size}
	if s, ok := body.(io.Seeker); ok {
		return &seekGuard{guard: g, seeker: s}
	}
	return g
}

type guard struct {
	w    *Write
	body io.Reader
	size int64 // -1: unknown
	read int64
}

// Read implements io.Reader. The wait is bounded: storing the note has a time limit.
func (g *guard) Read(p []byte) (int, error) {
	left := g.size - g.read
	if g.size >= 0 && left > 1 && int64(len(p)) >= left {
		p = p[:left-1]
	}
	if g.size >= 0 && left <= 1 {
		if err := g.wait(); err != nil {
			return 0, err
		}
	}
	n, err := g.body.Read(p)
	g.read += int64(n)
	if err == io.EOF {
		if failed := g.wait(); failed != nil {
			err = failed
		}
	}
	return n, err
}

func (g *guard) wait() error {
	<-g.w.ready
	return g.w.noted
}

type seekGuard struct {
	*guard
	seeker io.Seeker
}

// Seek implements io.Seeker.
func (g *seekGuard) Seek(offset int64, whence int) (int64, error) {
	at, err := g.seeker.Seek(offset, whence)
	if err == nil {
		g.read = at
	}
	return at, err
}
