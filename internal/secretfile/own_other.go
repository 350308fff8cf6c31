//go:build !unix

package secretfile

import "io/fs"

// own says whether a file belongs to the user of this process, which nobody asks here.
func own(fs.FileInfo) bool { return true }
