// Package secretfile reads files that hold secrets: keys, tokens, passwords. It refuses those that others could have read, so that a
// mistake is met at the first start and not after a leak. Anything may import it.
package secretfile

import (
	"io"
	"io/fs"
	"os"

	"github.com/opensds/gelato/internal/errs"
)

// Read returns the content of a file of at most limit bytes; what names it in errors, as in "master key". The file must be for its owner alone; where that
// is somebody else than this process, as with secrets that an orchestrator mounts for a group, the group may read it too. InvalidArgument for a file that
// cannot be read (its cause says why), is open to others, or is longer.
func Read(path, what string, limit int) ([]byte, error) {
	unreadable := func(err error) error { return errs.New(errs.InvalidArgument, "the "+what+" file cannot be read", err) }
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, unreadable(err)
	}
	if open(info.Mode(), own(info)) {
		return nil, errs.Newf(errs.InvalidArgument, "the %s file %s has mode %04o: it must be readable by its owner alone (chmod 600)", what, path, info.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, unreadable(err)
	}
	if len(text) > limit {
		return nil, errs.Newf(errs.InvalidArgument, "the %s file %s is longer than %d bytes", what, path, limit)
	}
	return text, nil
}

// open says whether a file lets in more than it should. own: it belongs to the user of this process.
func open(mode fs.FileMode, own bool) bool {
	forbidden := fs.FileMode(0o077)
	if !own {
		forbidden = 0o037
	}
	return mode.Perm()&forbidden != 0
}
