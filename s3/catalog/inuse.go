package catalog

import (
	"context"
	"fmt"

	"github.com/opensds/gelato/internal/docstore"
)

// BackendInUse says whether the catalog still refers to a backend, and how, in public words.
func (c *Catalog) BackendInUse(ctx context.Context, backendID string) (inUse bool, why string, err error) {
	found := func(text string) (bool, string, error) { return true, text, nil }
	looks := []struct {
		collection string
		look       func(d docstore.Doc) (string, error)
	}{
		{collBuckets, func(d docstore.Doc) (string, error) {
			b, err := decodeBucket(d)
			if err == nil && b.BackendID == backendID {
				return fmt.Sprintf("it is the placement of bucket %s", b.Name), nil
			}
			return "", err
		}},
		{collUsage, func(d docstore.Doc) (string, error) {
			l, err := decodeLedger(d)
			if err == nil && len(d.Key) > 3 && l.sums[backendID].Objects > 0 {
				return "a bucket has objects on it", nil
			}
			return "", err
		}},
		{collUploads, func(d docstore.Doc) (string, error) {
			u, err := decodeUpload(d)
			if err == nil && u.Location.BackendID == backendID && u.state != upDone {
				return fmt.Sprintf("bucket %s has uploads on it", u.Bucket.Name), nil
			}
			return "", err
		}},
		{collJournal, func(d docstore.Doc) (string, error) {
			n, err := decodeNote(d)
			if err == nil && (n.new.location.BackendID == backendID || n.old.location.BackendID == backendID) {
				return fmt.Sprintf("changes of bucket %s on it are not settled yet", n.bucket), nil
			}
			return "", err
		}},
		{collGarbage, func(d docstore.Doc) (string, error) {
			g, err := decodeGarbage(d)
			if err == nil && g.location.BackendID == backendID {
				return "deleted objects on it are not collected yet", nil
			}
			return "", err
		}},
	}
	for _, l := range looks {
		for from := ""; ; {
			docs, err := c.docs.List(ctx, l.collection, docstore.Range{From: from, Limit: 1000})
			if err != nil {
				return false, "", fmt.Errorf("look through %s: %w", l.collection, err)
			}
			for _, d := range docs {
				why, err := l.look(d)
				if err != nil {
					return false, "", err
				}
				if why != "" {
					return found(why)
				}
			}
			if len(docs) < 1000 {
				break
			}
			from = docstore.After(docs[len(docs)-1].Key)
		}
	}
	return false, "", nil
}
