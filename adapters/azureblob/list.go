package azureblob

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// maxPage is the most that Azure lists at once.
const maxPage = 5000

// List implements adapters.Store.
func (s *Store) List(ctx context.Context, prefix, after string, limit int) (adapters.Page, error) {
	if limit < 1 || limit > 1000 {
		return adapters.Page{}, errs.Newf(errs.InvalidArgument, "the limit must be 1 to 1000")
	}
	if !utf8.ValidString(prefix) || !utf8.ValidString(after) {
		return adapters.Page{}, errs.Newf(errs.InvalidArgument, "a prefix or start that is not UTF-8")
	}
	top := s.prefix + encodeKey(prefix)
	if oddCharacter(top) >= 0 {
		return adapters.Page{}, nil // there can be no such name
	}
	if after != "" {
		after = s.prefix + encodeKey(after)
	}
	var page adapters.Page
	for spans := spansAfter(top, after); len(spans) > 0; {
		next := spans[0]
		items, rest, err := s.walk(ctx, next, limit+1-len(page.Objects))
		if err != nil {
			return adapters.Page{}, err
		}
		spans = append(rest, spans[1:]...)
		for _, item := range items {
			key, ok := decodeKey(strings.TrimPrefix(*item.Name, s.prefix))
			if !ok {
				continue
			}
			if n := len(page.Objects); n > 0 && key <= page.Objects[n-1].Key {
				return adapters.Page{}, disorder()
			}
			page.Objects = append(page.Objects, listed(key, item))
			if len(page.Objects) > limit {
				page.Objects, page.More = page.Objects[:limit], true
				return page, nil
			}
		}
	}
	return page, nil
}

// disorder is the answer where a page that goes on from the last key would leave objects out.
func disorder() error {
	return errs.Newf(errs.FailedPrecondition, "the store does not list names in the order of their characters; is it an account with a hierarchical namespace?")
}

func listed(key string, item *container.BlobItem) adapters.Info {
	info := adapters.Info{Key: key}
	if p := item.Properties; p != nil {
		info.Size, info.ETag, info.ModTime, info.StorageClass = value(p.ContentLength), etag(p.ETag), utc(p.LastModified), string(value(p.AccessTier))
	}
	return info
}

// walk lists a span from its start: about want blobs in the order of their UTF-8 bytes, and the spans that are left of it.
func (s *Store) walk(ctx context.Context, sp span, want int) ([]*container.BlobItem, []span, error) {
	seeks := false
	if sp.from != "" {
		var err error
		if seeks, err = s.seeks(ctx, sp.prefix); err != nil {
			return nil, nil, err
		}
	}
	items, end, err := s.scan(ctx, sp, want, seeks)
	if seeks && errs.Is(err, errs.InvalidArgument) { // the store does not take this start, perhaps
		items, end, err = s.scan(ctx, sp, want, false)
	}
	if err != nil {
		return nil, nil, err
	}
	names := make([]string, len(items))
	for i, item := range items {
		names[i] = *item.Name
	}
	if !ordered(names) {
		return nil, nil, disorder()
	}
	var rest []span
	if !end {
		var keep int
		keep, rest = sp.rest(names)
		items = items[:keep]
	}
	slices.SortFunc(items, func(a, b *container.BlobItem) int { return strings.Compare(*a.Name, *b.Name) })
	return items, rest, nil
}

// scan reads a span in the store's order until there are want blobs, or it ends. seeks says whether the store is asked to start at it.
func (s *Store) scan(ctx context.Context, sp span, want int, seeks bool) (items []*container.BlobItem, end bool, err error) {
	o := container.ListBlobsFlatOptions{Prefix: given(sp.prefix)}
	ask := int32(want)
	if seeks {
		o.StartFrom = &sp.from
	} else {
		ask = max(ask-1, 1) // so that the caller's page ends where a marker is, and the next one begins there
		if marker, exact := s.marks.before(sp); sp.from != "" {
			if o.Marker = given(marker); !exact {
				ask = maxPage
			}
		}
	}
	for {
		o.MaxResults = &ask
		found, next, err := s.page(ctx, &o)
		if err != nil {
			return nil, false, err
		}
		for _, item := range found {
			name := *item.Name
			switch {
			case !strings.HasPrefix(name, sp.prefix):
				return nil, false, errs.Newf(errs.Internal, "the store lists names outside the prefix asked for")
			case seeks && belowInBoth(name, sp.from):
				s.habits.seeks.Store(seekIgnored) // against what was found out: the store has changed
				return s.scan(ctx, sp, want, false)
			case !sp.has(name):
				if seeks && !sp.skips(name) || len(items) > 0 {
					return items, true, nil
				}
			default:
				items = append(items, item)
			}
		}
		if next == "" {
			return items, true, nil
		}
		if len(found) > 0 && !seeks {
			s.marks.remember(sp.prefix, *found[len(found)-1].Name, next)
		}
		if len(items) >= want {
			return items, false, nil
		}
		o.StartFrom, o.Marker = nil, &next
		if seeks || len(items) > 0 || sp.from == "" { // else the start is still to come
			ask = int32(want - len(items))
		}
	}
}

// page asks for one page, and returns the marker of the next one, "" at the end.
func (s *Store) page(ctx context.Context, o *container.ListBlobsFlatOptions) ([]*container.BlobItem, string, error) {
	out, err := s.client.NewListBlobsFlatPager(o).NextPage(ctx)
	if err != nil {
		return nil, "", s.fail(ctx, "list objects", err)
	}
	if out.Segment == nil {
		return nil, value(out.NextMarker), nil
	}
	for _, item := range out.Segment.BlobItems {
		if item == nil || item.Name == nil || *item.Name == "" {
			return nil, "", fmt.Errorf("list objects: %w", errs.Newf(errs.Unavailable, "the store's answer is malformed").Because("MalformedAnswer"))
		}
	}
	return out.Segment.BlobItems, value(out.NextMarker), nil
}
