package posix

import (
	"strings"
	"unicode/utf8"
)

// Names on disk. A segment is what stands between two slashes of a key.
const (
	reserved   = ".gelato~"
	escFile    = reserved + "f"
	escFolder  = reserved + "d"
	escGroup   = reserved + "g"
	storeDir   = reserved + "store"
	maxName    = 255                    // bytes of one name, on every file system of note
	maxEscaped = maxName - len(escFile) // bytes of a segment that fit behind a marker
)

// natural reports whether a segment can be a name as it is.
func natural(seg string) bool {
	return seg != "" && seg != "." && seg != ".." && len(seg) <= maxName && !strings.HasPrefix(seg, reserved)
}

// escaped returns the path, relative to the folder, of a segment behind a marker, with groups when it is long. Cuts are
// between characters and always at the same places, so that there is one path for one segment.
func escaped(marker, seg string) string {
	if len(seg) <= maxEscaped {
		return marker + seg
	}
	var b strings.Builder
	for len(seg) > maxEscaped {
		cut := maxEscaped
		for !utf8.RuneStart(seg[cut]) {
			cut--
		}
		b.WriteString(escGroup)
		b.WriteString(seg[:cut])
		b.WriteByte('/')
		seg = seg[cut:]
	}
	b.WriteString(marker)
	b.WriteString(seg)
	return b.String()
}

func folderSegment(seg string) string {
	if natural(seg) {
		return seg
	}
	return escaped(escFolder, seg)
}

// folderPath is the path of the folder that holds the keys beginning with prefix, which is empty or ends in a slash.
func folderPath(prefix string) string {
	if prefix == "" {
		return "."
	}
	segs := strings.Split(prefix[:len(prefix)-1], "/")
	for i, seg := range segs {
		segs[i] = folderSegment(seg)
	}
	return strings.Join(segs, "/")
}

// splitKey parts a key into its prefix (empty, or with the slash at its end) and its last segment.
func splitKey(key string) (prefix, seg string) {
	i := strings.LastIndexByte(key, '/') + 1
	return key[:i], key[i:]
}

// place is where a file is: the path of a folder and a name in it.
type place struct{ folder, name string }

func (p place) path() string {
	if p.folder == "." {
		return p.name
	}
	return p.folder + "/" + p.name
}

// join appends a relative path to a folder's and parts the result.
func join(folder, rel string) place {
	if i := strings.LastIndexByte(rel, '/'); i >= 0 {
		if folder == "." {
			return place{rel[:i], rel[i+1:]}
		}
		return place{folder + "/" + rel[:i], rel[i+1:]}
	}
	return place{folder, rel}
}

// places returns where the object of a key may be, in the order to look: its plain name and the name that it has when a folder
// has taken the plain one. Both are the same for a segment that has no plain name.
func places(key string) (plain, aside place) {
	prefix, seg := splitKey(key)
	folder := folderPath(prefix)
	aside = join(folder, escaped(escFile, seg))
	if natural(seg) {
		return place{folder, seg}, aside
	}
	return aside, aside
}

// entry is one child of a folder in key order: a file's sort key is its segment, a folder's its segment and a slash.
type entry struct {
	sort string
}

func (e entry) isFolder() bool { return strings.HasSuffix(e.sort, "/") }

// decode turns a name found in a folder into its entry; group is what the enclosing group folders stand for. ok is false for
// a name that no key has. Only regular files and folders are to be decoded.
func decode(group, name string, isFolder bool) (e entry, ok bool) {
	if !utf8.ValidString(name) {
		return entry{}, false
	}
	seg, isEscaped := name, false
	if strings.HasPrefix(name, reserved) {
		marker := escFile
		if isFolder {
			marker = escFolder
		}
		rest, found := strings.CutPrefix(name, marker)
		if !found {
			return entry{}, false
		}
		seg, isEscaped = group+rest, true
	}
	switch {
	case !isEscaped && group != "": // a plain name inside a group belongs to nobody
		return entry{}, false
	case isEscaped && isFolder && natural(seg): // a folder of this segment would have its plain name
		return entry{}, false
	case isEscaped && !sameEscape(group, name, seg, isFolder):
		return entry{}, false
	}
	if isFolder {
		return entry{seg + "/"}, true
	}
	return entry{seg}, true
}

// sameEscape reports whether escaping seg again leads to this name in these groups.
func sameEscape(group, name, seg string, isFolder bool) bool {
	marker := escFile
	if isFolder {
		marker = escFolder
	}
	if group == "" && len(seg) <= maxEscaped {
		return true
	}
	path := escaped(marker, seg)
	last := path[strings.LastIndexByte(path, '/')+1:]
	return last == name && strings.HasSuffix(seg, name[len(marker):]) && len(seg)-(len(name)-len(marker)) == len(group)
}
