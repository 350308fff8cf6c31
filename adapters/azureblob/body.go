package azureblob

import (
	"errors"
	"io"
	"sync/atomic"

	"github.com/opensds/gelato/adapters/httpstore"
)

// stream makes of a checked body what the SDK asks for. It tells its length and can be rewound until its first byte is read, which is all
// that the SDK and the transport do with a request that is sent once.
type stream struct {
	*httpstore.Body
	started atomic.Bool
}

var errStarted = errors.New("a request body cannot be sent twice")

func (s *stream) Read(p []byte) (int, error) {
	s.started.Store(true)
	return s.Body.Read(p)
}

func (s *stream) Seek(offset int64, whence int) (int64, error) {
	switch {
	case s.started.Load():
		return 0, errStarted
	case offset == 0 && whence == io.SeekEnd:
		return s.Size(), nil
	case offset == 0:
		return 0, nil
	}
	return 0, errStarted
}

// Close leaves the source to whoever owns it.
func (s *stream) Close() error { return nil }
