package matrix

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/testbed"
)

// rados is a pool, without the gateway.
func rados(t *testing.T, c *testbed.CephCluster) *store {
	t.Helper()
	c.CreatePool(native)
	return &store{name: "rados", own: radosTool{c.ConfPath, native}, backend: map[string]any{"type": "ceph-rados", "endpoint": "[" + c.MonHost + "]",
		"bucketName": native, "access": c.User, "security": c.Key, "options": map[string]string{"indexShards": "4"}}}
}

// radosTool is the program rados, which reads what the package comment of adapters/cephrados says is in a pool.
type radosTool struct{ conf, pool string }

func (r radosTool) run(ctx context.Context, w io.Writer, args ...string) error {
	return runTo(exec.CommandContext(ctx, "rados", append([]string{"-c", r.conf, "-p", r.pool}, args...)...), w)
}

// entry is what the index says of an object.
type entry struct{ Data data }

// data is where bytes are: in stripes, or where a table of parts says.
type data struct {
	ID           string
	Size, Stripe int64
	Parts        int
}

// shards returns over how many objects the index is spread.
func (r radosTool) shards(ctx context.Context) (int, error) {
	var out bytes.Buffer
	if err := r.run(ctx, &out, "get", "gelato.root", "-"); err != nil {
		return 0, err
	}
	var root struct{ IndexShards int }
	if err := json.Unmarshal(out.Bytes(), &root); err != nil || root.IndexShards < 1 {
		return 0, fmt.Errorf("gelato.root is %q: %w", &out, err)
	}
	return root.IndexShards, nil
}

func (r radosTool) list(ctx context.Context, bucket string) (map[string]int64, error) {
	shards, err := r.shards(ctx)
	if err != nil {
		return nil, err
	}
	found := map[string]int64{}
	for n := range shards {
		var out bytes.Buffer
		if err := r.run(ctx, &out, "listomapvals", shard(n)); err != nil {
			if strings.Contains(err.Error(), "No such file") { // it never had a row
				continue
			}
			return nil, err
		}
		rows, err := omap(&out)
		if err != nil {
			return nil, fmt.Errorf("read shard %d: %w", n, err)
		}
		for row, value := range rows {
			key, ok := strings.CutPrefix(row, "e")
			if !ok || !strings.HasPrefix(key, bucket+"/") {
				continue
			}
			var e entry
			if err := json.Unmarshal(value, &e); err != nil {
				return nil, fmt.Errorf("read the row of %q: %w", key, err)
			}
			found[key] = e.Data.Size
		}
	}
	return found, nil
}

func shard(n int) string { return fmt.Sprintf("gelato.index.%d", n) }

func (r radosTool) read(ctx context.Context, key string, w io.Writer) error {
	shards, err := r.shards(ctx)
	if err != nil {
		return err
	}
	hash := fnv.New64a()
	hash.Write([]byte(key))
	var out bytes.Buffer
	if err := r.run(ctx, &out, "getomapval", shard(int(hash.Sum64()%uint64(shards))), "e"+key, "/dev/stdout"); err != nil {
		return err
	}
	// The program says what it does before what it was asked for.
	text := out.Bytes()
	var e entry
	if err := json.Unmarshal(text[max(0, bytes.IndexByte(text, '{')):], &e); err != nil {
		return fmt.Errorf("the row of %q is %q: %w", key, text, err)
	}
	parts := []data{e.Data}
	if e.Data.Parts > 0 {
		if parts, err = r.table(ctx, e.Data); err != nil {
			return err
		}
	}
	for _, p := range parts {
		for n := int64(0); n*p.Stripe < p.Size; n++ {
			if err := r.run(ctx, w, "get", fmt.Sprintf("gelato.data.%s.%d", p.ID, n), "-"); err != nil {
				return err
			}
		}
	}
	return nil
}

// omap reads what listomapvals prints: for each row its key, as it is where all of it is printable ASCII and else as a dump, and a dump of its value.
func omap(r io.Reader) (map[string][]byte, error) {
	rows := map[string][]byte{}
	var key string
	var dump []byte
	in := ""
	end := func() {
		switch in {
		case "key":
			key = string(dump)
		case "value":
			rows[key] = dump
		}
		dump, in = nil, ""
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		var size int
		switch {
		case line == "":
			end()
		case in != "" && dumped(line, &dump):
		case scans(line, "key (%d bytes):", &size):
			end()
			in = "key"
		case scans(line, "value (%d bytes) :", &size):
			end()
			in = "value"
		default:
			end()
			key = line
		}
	}
	end()
	return rows, lines.Err()
}

func scans(line, format string, n *int) bool {
	_, err := fmt.Sscanf(line, format, n)
	return err == nil
}

// dumped appends the bytes of a line of a dump: an offset, up to 16 bytes in hexadecimal, and what they look like. A line with a star stands for
// lines like the one before, up to the next offset. The last line has the offset alone.
func dumped(line string, to *[]byte) bool {
	if line == "*" {
		return true
	}
	offset, rest, _ := strings.Cut(line, " ")
	at, err := strconv.ParseInt(offset, 16, 32)
	if err != nil || len(offset) != 8 {
		return false
	}
	words, _, _ := strings.Cut(rest, "|")
	b, err := hex.DecodeString(strings.ReplaceAll(words, " ", ""))
	if err != nil {
		return false
	}
	for n := len(*to); n >= 16 && n < int(at); n += 16 {
		*to = append(*to, (*to)[n-16:]...)
	}
	*to = append(*to, b...)
	return true
}

// table reads a table of parts: of each the id of its data, its size and that of its stripes.
func (r radosTool) table(ctx context.Context, d data) ([]data, error) {
	var out bytes.Buffer
	if err := r.run(ctx, &out, "get", "gelato.parts."+d.ID, "-"); err != nil {
		return nil, err
	}
	type row struct {
		ID           [16]byte
		Size, Stripe int64
	}
	rows := make([]row, d.Parts)
	if err := binary.Read(&out, binary.BigEndian, rows); err != nil {
		return nil, fmt.Errorf("read the table of parts %s: %w", d.ID, err)
	}
	parts := make([]data, len(rows))
	for i, row := range rows {
		parts[i] = data{ID: hex.EncodeToString(row.ID[:]), Size: row.Size, Stripe: row.Stripe}
	}
	return parts, nil
}
