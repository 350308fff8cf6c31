//go:build ceph && cgo

package cephrados

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"

	"github.com/opensds/gelato/internal/errs"
)

// tableEntry is the size of one part in a parts table: id (16 bytes), size (8) and stripe (8), big endian. 10,000 parts are 320 kB.
const tableEntry = idLength/2 + 16

func encodeTable(parts []data) []byte {
	b := make([]byte, 0, len(parts)*tableEntry)
	for _, p := range parts {
		id, err := hex.DecodeString(p.ID)
		if err != nil || len(id) != idLength/2 {
			panic("cephrados: a part has the id " + p.ID)
		}
		b = append(b, id...)
		b = binary.BigEndian.AppendUint64(b, uint64(p.Size))
		b = binary.BigEndian.AppendUint64(b, uint64(p.Stripe))
	}
	return b
}

// readTable reads what a parts table names; errAbsent when it is gone.
func (s *Store) readTable(ctx context.Context, d data) ([]data, error) {
	b, err := s.readObject(ctx, tableObject(d.ID), d.Parts*tableEntry)
	if err != nil {
		return nil, err
	}
	damaged := errs.New(errs.DataLoss, "a table of parts is damaged", nil)
	if len(b) != d.Parts*tableEntry {
		return nil, damaged
	}
	var total int64
	parts := make([]data, d.Parts)
	for i := range parts {
		row := b[i*tableEntry:]
		p := data{ID: hex.EncodeToString(row[:16]), Size: int64(binary.BigEndian.Uint64(row[16:])), Stripe: int64(binary.BigEndian.Uint64(row[24:]))}
		if p.Size < 1 || p.Stripe < 1 || total+p.Size > d.Size {
			return nil, damaged
		}
		total += p.Size
		parts[i] = p
	}
	if total != d.Size {
		return nil, damaged
	}
	return parts, nil
}

// tableOf makes the data of an object of these parts, none of which is empty, writing a table under the intent of w when there are several.
func tableOf(w *write, parts []data) (data, error) {
	switch len(parts) {
	case 0:
		return data{ID: w.id}, nil
	case 1:
		return parts[0], nil
	}
	d := data{ID: w.id, Parts: len(parts)}
	for _, p := range parts {
		d.Size += p.Size
	}
	table := encodeTable(parts)
	_, err := w.fill(bytes.NewReader(table), int64(len(table)))
	return d, err
}
