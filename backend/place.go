package backend

import (
	"path"
	"path/filepath"
	"strings"

	"github.com/opensds/gelato/adapters"
)

// place says where a backend's objects are, in one form for all spellings of it.
type place struct {
	Host   string `bson:"host"` // adapters.Registry.HostOf
	Bucket string `bson:"bucket"`
	Prefix string `bson:"prefix"`
}

// placeOf takes the place out of a configuration. A bucketName that is an absolute path is a directory: symbolic links are followed as
// far as they exist. Two names of one host are two places here; the marker tells them apart.
func (s *Service) placeOf(c adapters.Config) place {
	p := place{Host: s.types.HostOf(c), Bucket: c.BucketName, Prefix: c.Prefix}
	if filepath.IsAbs(p.Bucket) {
		p.Bucket = resolve(p.Bucket)
	}
	return p
}

// overlaps says whether an object could belong to both places.
func (p place) overlaps(q place) bool {
	if p.Host != q.Host {
		return false
	}
	if p.Bucket == q.Bucket {
		return strings.HasPrefix(p.Prefix, q.Prefix) || strings.HasPrefix(q.Prefix, p.Prefix)
	}
	return filepath.IsAbs(p.Bucket) && filepath.IsAbs(q.Bucket) && (within(p.Bucket, q.Bucket) || within(q.Bucket, p.Bucket))
}

// String names the place for people.
func (p place) String() string {
	if filepath.IsAbs(p.Bucket) {
		return path.Join(p.Bucket, p.Prefix)
	}
	return path.Join(p.Host, p.Bucket, p.Prefix)
}

func within(dir, parent string) bool {
	return strings.HasPrefix(dir, strings.TrimSuffix(parent, "/")+"/")
}

// resolve follows symbolic links of the longest part of dir that exists.
func resolve(dir string) string {
	dir = filepath.Clean(dir)
	rest := ""
	for at := dir; ; at = filepath.Dir(at) {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(real, rest)
		}
		if at == filepath.Dir(at) {
			return dir
		}
		rest = filepath.Join(filepath.Base(at), rest)
	}
}
