package adapters

import (
	"maps"
	"slices"

	"github.com/opensds/gelato/internal/errs"
)

// ReasonTooLarge is the reason of InvalidArgument for an object that a store cannot hold.
const ReasonTooLarge = "ObjectTooLarge"

// NeedsParts says whether an object of size bytes is more than one Put takes.
func (c Capabilities) NeedsParts(size int64) bool { return c.MaxPutSize > 0 && size > c.MaxPutSize }

// CheckSize returns InvalidArgument with ReasonTooLarge for an object that the store can hold neither by one Put nor in parts.
func (c Capabilities) CheckSize(size int64) error {
	switch {
	case c.MaxObjectSize > 0 && size > c.MaxObjectSize, c.NeedsParts(size) && !c.Multipart:
		return tooLarge(size)
	case c.NeedsParts(size):
		_, _, err := c.Partition(size, 0)
		return err
	}
	return nil
}

// Partition divides an object of total bytes, more than 0, into parts of one size, the last one of what is left: of want bytes if the store's limits allow that, else of as
// near to it as they do. The same error as CheckSize's when there is no such division.
func (c Capabilities) Partition(total, want int64) (size int64, count int, err error) {
	const step = 1 << 20 // sizes that had to grow are whole MiB where that fits
	size = max(want, c.MinPartSize, 1)
	if c.MaxPartSize > 0 {
		size = min(size, c.MaxPartSize)
	}
	if n := int64(c.MaxParts); n > 0 && (total-1)/size >= n {
		size = (total-1)/n + 1
		if whole := (size + step - 1) / step * step; c.MaxPartSize == 0 || whole <= c.MaxPartSize {
			size = whole
		}
	}
	if c.MaxPartSize > 0 && size > c.MaxPartSize || c.MaxObjectSize > 0 && total > c.MaxObjectSize {
		return 0, 0, tooLarge(total)
	}
	return size, int((total-1)/size) + 1, nil
}

func tooLarge(size int64) error {
	return errs.Newf(errs.InvalidArgument, "an object of %d bytes is too large for the store", size).Because(ReasonTooLarge)
}

// StandardClass is S3's default storage class.
const StandardClass = "STANDARD"

// readableClasses are those of S3 whose objects can be read at once: they differ from one another in price and durability, not in what a client can do.
var readableClasses = []string{StandardClass, "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "REDUCED_REDUNDANCY", "GLACIER_IR", "EXPRESS_ONEZONE"}

// Archived reports whether objects of a class, by S3's name, must be restored before they can be read.
func Archived(class string) bool { return class == "GLACIER" || class == "DEEP_ARCHIVE" }

// Class says how the store keeps an object for which the storage class is asked, and how the object is shown afterwards. "" is the store's default, in both.
//
//   - A class of the store's own is used and shown. So is one that S3 has another name for, by the name that was asked.
//   - One of S3's that the store lacks, and whose objects can be read at once, is shown, and the bytes lie in the default class: a client that asks for cheaper storage
//     works, and the wish is there when the object moves to a store that has the class.
//   - Anything else is not ok: an archive that there is not, or no class at all.
func (c Capabilities) Class(class string) (native, shown string, ok bool) {
	switch {
	case slices.Contains(c.StorageClasses, class):
		return class, class, true
	case c.S3Classes[class] != "":
		return c.S3Classes[class], class, true
	case class == "" || class == StandardClass:
		return "", "", true
	case slices.Contains(readableClasses, class):
		return "", class, true
	}
	return "", "", false
}

// S3Class returns S3's name of a class that the store calls otherwise; any other class stays as it is.
func (c Capabilities) S3Class(class string) string {
	for _, name := range slices.Sorted(maps.Keys(c.S3Classes)) {
		if c.S3Classes[name] == class {
			return name
		}
	}
	return class
}
