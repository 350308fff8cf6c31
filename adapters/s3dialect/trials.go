package s3dialect

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/semaphore"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/internal/errs"
)

// Compatible stores differ in ways that no answer of theirs tells. Each is found out once, with small objects of its own,
// before the first write that depends on it, unless the Quirks tell.
const (
	// oddSegments: a store that keeps objects as files takes "a//b" and "a/./b" for "a/b".
	oddSegments = iota
	// oddCharacters: a store that does not know encoding-type=url cannot list characters that XML 1.0 does not have.
	oddCharacters
	// trailers: a store that understands aws-chunked bodies knows a broken one from a short one, and checks a CRC-64/NVME that is known only
	// at the end. Without, a store may take what it got before a connection broke for the object (versitygw 1.8 does).
	trailers
	// selfCopies: a store that copies an object onto itself by changing what is beside the bytes leaves what is not given as it was
	// (versitygw 1.8 does).
	selfCopies
	nTrials
)

// trials is what has been found out.
type trials struct {
	gate  *semaphore.Weighted // one trial at a time
	mu    sync.Mutex
	known [nTrials]bool
	good  [nTrials]bool
}

// sure returns what is known of a trial already.
func (s *Store) sure(trial int) (good, known bool) {
	switch {
	case trial == trailers && s.quirks.PlainBodies:
		return false, true
	case trial <= oddCharacters && s.quirks.ExactKeys, trial == selfCopies && s.quirks.SelfCopies:
		return true, true
	}
	s.trials.mu.Lock()
	defer s.trials.mu.Unlock()
	return s.trials.good[trial], s.trials.known[trial]
}

// holds finds out how a trial ends in this store. The error is one of the connection, never the store's verdict.
func (s *Store) holds(ctx context.Context, trial int) (bool, error) {
	if good, known := s.sure(trial); known {
		return good, nil
	}
	if err := s.trials.gate.Acquire(ctx, 1); err != nil {
		return false, fmt.Errorf("try what the store can do: %w", context.Cause(ctx))
	}
	defer s.trials.gate.Release(1)
	if good, known := s.sure(trial); known {
		return good, nil
	}
	good, err := s.try(ctx, trial, s.prefix+".gelato-probe-"+rand.Text())
	if err != nil && (errs.Retryable(err) || ctx.Err() != nil) {
		return false, fmt.Errorf("try what the store can do: %w", err)
	}
	good = good && err == nil
	s.trials.mu.Lock()
	defer s.trials.mu.Unlock()
	s.trials.known[trial], s.trials.good[trial] = true, good
	return good, nil
}

// try stores an object, looks what became of it, and removes it.
func (s *Store) try(ctx context.Context, trial int, name string) (good bool, err error) {
	dir := name
	name += [nTrials]string{oddSegments: "/a//b/./c/../d", oddCharacters: "/\x01\ufffe"}[trial]
	size := int64(5)
	b := httpstore.NewBody(ctx, strings.NewReader("trial"), size, adapters.Sums{}, false)
	in := &s3.PutObjectInput{Bucket: &s.bucket, Key: &name, Body: b, ContentLength: &size}
	if trial == selfCopies {
		in.ContentLanguage = set("de")
	}
	how := unsigned
	if trial == trailers {
		how = chunked(b, &in.ContentLength)
	}
	out, err := s.client.PutObject(ctx, in, how)
	if err != nil {
		return false, fail(ctx, "put object", err)
	}
	defer func() {
		ctx, cancel := httpstore.Cleanup(ctx)
		defer cancel()
		if derr := s.delete(ctx, &name, ""); err == nil {
			err = derr
		}
	}()
	switch trial {
	case selfCopies:
		return s.trySelfCopy(ctx, &name, parseETag(out.ETag))
	case trailers:
		head, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: &name})
		if err != nil {
			return false, fail(ctx, "head object", err)
		}
		crc := parseCRC(out.ChecksumCRC64NVME, out.ChecksumType)
		return crc != nil && *crc == b.CRC64() && deref(head.ContentEncoding) == "" && head.ContentLength != nil && *head.ContentLength == b.Size(), nil
	}
	list, err := s.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &dir, EncodingType: types.EncodingTypeUrl})
	if err != nil {
		return false, fail(ctx, "list objects", err)
	}
	if len(list.Contents) != 1 {
		return false, nil
	}
	listed, err := decodeKey(list.Contents[0].Key, list.EncodingType)
	return listed == name, err
}

// trySelfCopy copies a trial's object onto itself.
func (s *Store) trySelfCopy(ctx context.Context, name *string, etag string) (bool, error) {
	if _, err := s.client.CopyObject(ctx, s.copyInput(name, *name, etag, adapters.PutOptions{})); err != nil {
		return false, fail(ctx, "copy object", err)
	}
	head, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: name})
	if err != nil {
		return false, fail(ctx, "head object", err)
	}
	return deref(head.ContentLanguage) == "", nil
}

// odd says which oddities a native key has.
func odd(name string) (has [nTrials]bool, any bool) {
	for seg := range strings.SplitSeq(strings.TrimSuffix(name, "/"), "/") {
		if seg == "" || seg == "." || seg == ".." {
			has[oddSegments] = true
		}
	}
	has[oddCharacters] = strings.ContainsFunc(name, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == '\ufffe' || r == '\uffff'
	})
	return has, has[oddSegments] || has[oddCharacters]
}

// storable returns InvalidArgument for a native key that the store would mix up with another.
func (s *Store) storable(ctx context.Context, name string) error {
	has, any := odd(name)
	if !any {
		return nil
	}
	for trial := range has {
		if !has[trial] {
			continue
		}
		good, err := s.holds(ctx, trial)
		if err != nil {
			return err
		}
		if !good {
			return errs.Newf(errs.InvalidArgument, "the store cannot hold this key exactly").Because("KeyNotStorable")
		}
	}
	return nil
}

// absent says that the store is known not to hold a native key, though it may answer for it with another object.
func (s *Store) absent(name string) bool {
	has, any := odd(name)
	if !any {
		return false
	}
	for trial := range has {
		if good, known := s.sure(trial); has[trial] && known && !good {
			return true
		}
	}
	return false
}
