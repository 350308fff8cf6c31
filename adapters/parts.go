package adapters

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/opensds/gelato/internal/errs"
)

// CheckPart returns InvalidArgument unless a part may have this number, 1 to most, and size; a negative size is unknown.
func CheckPart(n, most int, size, maxSize int64) error {
	switch {
	case n < 1 || n > most:
		return errs.Newf(errs.InvalidArgument, "part %d is not 1 to %d", n, most)
	case size > maxSize:
		return errs.Newf(errs.InvalidArgument, "a part of %d bytes is more than %d", size, maxSize).Because("EntityTooLarge")
	}
	return nil
}

// CheckParts returns InvalidArgument unless an upload can be completed with these parts: 1 to most, in ascending order of their numbers, which are 1 to most too.
func CheckParts(parts []Part, most int) error {
	if len(parts) == 0 {
		return errs.New(errs.InvalidArgument, "an upload needs at least one part", nil).Because("Parts")
	}
	last := 0
	for _, p := range parts {
		if p.N <= last || p.N > most {
			return errs.Newf(errs.InvalidArgument, "parts must be in ascending order of their numbers, 1 to %d", most).Because("InvalidPartOrder")
		}
		last = p.N
	}
	return nil
}

// UploadMark names an upload and exactly these parts of it, for stores that find out by it that a completion is done.
func UploadMark(id string, parts []Part) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d %s\n", p.N, p.ETag)
	}
	return id + " " + hex.EncodeToString(h.Sum(nil)[:16])
}
