package catalog

import (
	"context"
	"fmt"
	"strconv"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

const (
	collManifests = "manifests"
	rowsPerPage   = 64 // of a part table: about 12 KiB with every checksum
	maxParts      = 10_000
)

// A part table is named by the blob for which it was first made, and for multipart uploads also by its content, because several
// lists may be tried for one upload. It is never changed, goes along with a relocation, and is collected with the version it describes.

// row is one part of a table, with what the store needs to complete the upload.
type row struct {
	ObjectPart
	nativeETag string
	md5        []byte
}

func tableRange(table string) (from, to string) { return table + "/", table + "0" }

// tablesOf bounds all tables that were made for a blob.
func tablesOf(blobID string) (from, to string) { return blobID, docstore.PrefixEnd(blobID) }

// blobOfTable is the blob for which a table was made.
func blobOfTable(table string) string {
	for i := range len(table) {
		if table[i] == '.' {
			return table[:i]
		}
	}
	return table
}

// pages makes the documents of a table. Their keys begin with the last part number of the page, so that a reader can start at any part.
func pages(table string, rows []row) ([]docstore.Doc, error) {
	var docs []docstore.Doc
	for len(rows) > 0 {
		n := min(len(rows), rowsPerPage)
		w := newWriter(8 << 10)
		w.array("r")
		for i, p := range rows[:n] {
			w.doc(strconv.Itoa(i))
			w.row(p)
			w.end()
		}
		w.end()
		body, err := w.finish()
		if err != nil {
			return nil, err
		}
		key := fmt.Sprintf("%s/%05d", table, rows[n-1].N)
		docs = append(docs, docstore.Doc{Key: key, Rev: newRev(""), Body: body})
		rows = rows[n:]
	}
	return docs, nil
}

func (w *writer) row(p row) {
	w.int("n", int64(p.N))
	w.int("s", p.Size)
	w.int("cz", p.CipherSize)
	w.bytes("x", p.Salt)
	w.crc("c", &p.CRC64)
	w.str("e", p.ETag)
	w.checksums("cs", p.Checksums)
	w.str("t", p.nativeETag)
	w.bytes("m", p.md5)
}

func decodeRow(doc string) (p row, good bool) {
	good = true
	r := nested(doc)
	for e, ok := r.next(); ok && good; e, ok = r.next() {
		switch e.key {
		case "n":
			p.N = int(e.int())
		case "s":
			p.Size = e.int()
		case "cz":
			p.CipherSize = e.int()
		case "x":
			p.Salt = e.bytes()
		case "c":
			p.CRC64 = uint64(e.int())
		case "e":
			p.ETag = e.str()
		case "cs":
			p.Checksums, good = readChecksums(e.val)
		case "t":
			p.nativeETag = e.str()
		case "m":
			p.md5 = e.bytes()
		}
	}
	return p, good && !r.bad
}

func decodePage(d docstore.Doc) ([]row, error) {
	var rows []row
	r := newReader(d.Body)
	for e, ok := r.next(); ok; e, ok = r.next() {
		list := nested(e.val)
		for e, ok := list.next(); ok; e, ok = list.next() {
			p, good := decodeRow(e.val)
			if !good {
				return nil, malformed(collManifests, d.Key)
			}
			rows = append(rows, p)
		}
		r.bad = r.bad || list.bad
	}
	if r.bad {
		return nil, malformed(collManifests, d.Key)
	}
	return rows, nil
}

// Parts implements API.
func (c *Catalog) Parts(ctx context.Context, o Object, after, limit int) ([]ObjectPart, error) {
	rows, err := c.rows(ctx, o.table, after, limit)
	parts := make([]ObjectPart, len(rows))
	for i, r := range rows {
		parts[i] = r.ObjectPart
	}
	return parts, err
}

// rows reads rows of a table with N > after.
func (c *Catalog) rows(ctx context.Context, table string, after, limit int) ([]row, error) {
	var rows []row
	if table == "" {
		return nil, nil
	}
	_, to := tableRange(table)
	from := fmt.Sprintf("%s/%05d", table, after+1)
	for {
		docs, err := c.docs.List(ctx, collManifests, docstore.Range{From: from, To: to, Limit: 16})
		if err != nil {
			return nil, fmt.Errorf("read part table: %w", err)
		}
		for _, d := range docs {
			page, err := decodePage(d)
			if err != nil {
				return nil, err
			}
			for _, r := range page {
				if r.N > after && len(rows) < limit {
					rows = append(rows, r)
				}
			}
		}
		if len(docs) < 16 || len(rows) == limit {
			return rows, nil
		}
		from = docstore.After(docs[len(docs)-1].Key)
	}
}

// writeTables stores the part tables of changes before their heads may name them.
func (c *Catalog) writeTables(ctx context.Context, all []*change, parts func(*change) []ObjectPart) {
	for _, ch := range pending(all) {
		list := parts(ch)
		if len(list) == 0 {
			continue
		}
		rows := make([]row, len(list))
		for i, p := range list {
			rows[i] = row{ObjectPart: p}
		}
		ch.err = c.writeTable(ctx, ch.note.new.location.BlobID, rows)
	}
}

// writeTable stores a table. Pages that are there already are the same: the name says so.
func (c *Catalog) writeTable(ctx context.Context, table string, rows []row) error {
	if len(rows) > maxParts {
		return errs.Newf(errs.InvalidArgument, "an object has at most %d parts", maxParts)
	}
	docs, err := pages(table, rows)
	if err != nil {
		return err
	}
	ops := make([]docstore.Op, len(docs))
	for i, d := range docs {
		ops[i] = insertOp(collManifests, d)
	}
	for _, err := range c.apply(ctx, ops) {
		if err != nil && !errs.Is(err, errs.AlreadyExists) {
			return fmt.Errorf("write part table: %w", err)
		}
	}
	return nil
}

// dropTables removes every table that was made for a blob.
func (c *Catalog) dropTables(ctx context.Context, blobID string) error {
	from, to := tablesOf(blobID)
	return c.dropRange(ctx, collManifests, from, to)
}

// dropRange removes all documents of a range. One that is changed at the same time stays.
func (c *Catalog) dropRange(ctx context.Context, collection, from, to string) error {
	for {
		docs, err := c.docs.List(ctx, collection, docstore.Range{From: from, To: to, Limit: batchSize})
		if err != nil {
			return fmt.Errorf("list %s: %w", collection, err)
		}
		ops := make([]docstore.Op, len(docs))
		for i, d := range docs {
			ops[i] = deleteOp(collection, d.Key, d.Rev)
		}
		for _, err := range c.apply(ctx, ops) {
			if err != nil && !errs.Is(err, errs.FailedPrecondition) {
				return fmt.Errorf("delete %s: %w", collection, err)
			}
		}
		if len(docs) < batchSize {
			return nil
		}
		from = docstore.After(docs[len(docs)-1].Key)
	}
}
