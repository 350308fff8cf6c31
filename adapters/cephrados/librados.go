//go:build ceph && cgo

package cephrados

/*
#cgo LDFLAGS: -lrados
#include <stdlib.h>
#include <string.h>
#include <rados/librados.h>

// write_bytes writes at an offset.
static int write_bytes(rados_ioctx_t pool, const char *oid, const char *bytes, size_t length, uint64_t offset) {
	rados_write_op_t write = rados_create_write_op();
	rados_write_op_write(write, bytes, length, offset);
	int ret = rados_write_op_operate2(write, pool, oid, NULL, LIBRADOS_OPERATION_FULL_TRY);
	rados_release_write_op(write);
	return ret;
}

// write_proven writes at an offset and asks for the CRC-32C of what is there then. Both are sent at once, and the OSD keeps their order. It is also told that the
// bytes will be needed, else it would read them back from the disk.
static int write_proven(rados_ioctx_t pool, const char *oid, const char *bytes, size_t length, uint64_t offset, const char *start, size_t start_length,
		char *sums, size_t sums_length, int *proof) {
	rados_write_op_t write = rados_create_write_op();
	rados_write_op_write(write, bytes, length, offset);
	rados_write_op_set_flags(write, LIBRADOS_OP_FLAG_FADVISE_WILLNEED);
	rados_read_op_t read = rados_create_read_op();
	int step = 0;
	rados_read_op_checksum(read, LIBRADOS_CHECKSUM_TYPE_CRC32C, start, start_length, offset, length, 0, sums, sums_length, &step);
	rados_completion_t wrote, checked;
	int ret = rados_aio_create_completion2(NULL, NULL, &wrote);
	if (ret == 0 && (ret = rados_aio_create_completion2(NULL, NULL, &checked)) < 0)
		rados_aio_release(wrote);
	if (ret == 0) {
		ret = rados_aio_write_op_operate(write, pool, wrote, oid, NULL, LIBRADOS_OPERATION_FULL_TRY);
		if (ret == 0) {
			*proof = rados_aio_read_op_operate(read, pool, checked, oid, LIBRADOS_OPERATION_ORDER_READS_WRITES);
			if (*proof == 0) {
				rados_aio_wait_for_complete(checked);
				*proof = rados_aio_get_return_value(checked);
			}
			rados_aio_wait_for_complete(wrote);
			ret = rados_aio_get_return_value(wrote);
			if (*proof == 0)
				*proof = step;
		}
		rados_aio_release(wrote);
		rados_aio_release(checked);
	}
	rados_release_read_op(read);
	rados_release_write_op(write);
	return ret;
}

// Rows cross in one piece of memory: for each the lengths of key and value, 32 bits each in the order of the machine, then both.

// split finds n rows in packed; keys alone have values of no length.
static void split(const char *packed, size_t n, const char **keys, const char **values, size_t *key_lengths, size_t *value_lengths) {
	for (size_t i = 0; i < n; i++) {
		uint32_t l[2];
		memcpy(l, packed, sizeof l);
		packed += sizeof l;
		keys[i] = packed, key_lengths[i] = l[0], packed += l[0];
		values[i] = packed, value_lengths[i] = l[1], packed += l[1];
	}
}

// change_rows makes one write: calls a method of a class with each of two arguments, unless they are empty, then removes rows, then sets some.
static int change_rows(rados_ioctx_t pool, const char *oid, const char *cls, const char *method, const char *same, size_t same_length, const char *exist, size_t exist_length,
		const char *removed, size_t removals, const char *set, size_t sets) {
	size_t most = removals > sets ? removals : sets;
	const char **texts = malloc((2 * most + 1) * sizeof *texts);
	size_t *lengths = malloc((2 * most + 1) * sizeof *lengths);
	rados_write_op_t op = rados_create_write_op();
	int results[2];
	if (same_length)
		rados_write_op_exec(op, cls, method, same, same_length, &results[0]);
	if (exist_length)
		rados_write_op_exec(op, cls, method, exist, exist_length, &results[1]);
	if (!same_length && !exist_length)
		rados_write_op_assert_exists(op);
	if (removals) {
		split(removed, removals, texts, texts + most, lengths, lengths + most);
		rados_write_op_omap_rm_keys2(op, texts, lengths, removals);
	}
	if (sets) {
		split(set, sets, texts, texts + most, lengths, lengths + most);
		rados_write_op_omap_set2(op, texts, texts + most, lengths, lengths + most, sets);
	}
	int ret = rados_write_op_operate2(op, pool, oid, NULL, LIBRADOS_OPERATION_FULL_TRY);
	rados_release_write_op(op);
	free(texts);
	free(lengths);
	return ret;
}

// A row_read is one read of rows by their keys.
struct row_read {
	rados_read_op_t op;
	rados_completion_t completion;
	rados_omap_iter_t found;
	int step;
};

// begin_rows sends it; a failure leaves nothing.
static int begin_rows(struct row_read *r, rados_ioctx_t pool, const char *oid, const char *packed, size_t n) {
	const char **texts = malloc(2 * n * sizeof *texts);
	size_t *lengths = malloc(2 * n * sizeof *lengths);
	split(packed, n, texts, texts + n, lengths, lengths + n);
	r->op = rados_create_read_op();
	r->found = NULL;
	r->step = 0;
	rados_read_op_omap_get_vals_by_keys2(r->op, texts, n, lengths, &r->found, &r->step);
	free(texts);
	free(lengths);
	int ret = rados_aio_create_completion2(NULL, NULL, &r->completion);
	if (ret == 0 && (ret = rados_aio_read_op_operate(r->op, pool, r->completion, oid, 0)) < 0)
		rados_aio_release(r->completion);
	if (ret < 0)
		rados_release_read_op(r->op);
	return ret;
}

// end_rows waits for the answer. The rows are in memory that the caller frees.
static int end_rows(struct row_read *r, char **rows, size_t *length) {
	rados_aio_wait_for_complete(r->completion);
	int ret = rados_aio_get_return_value(r->completion);
	if (ret == 0)
		ret = r->step;
	char *key, *value;
	size_t key_length, value_length, room = 0, used = 0;
	while (ret == 0 && (ret = rados_omap_get_next2(r->found, &key, &value, &key_length, &value_length)) == 0 && key != NULL) {
		uint32_t l[2] = {key_length, value_length};
		size_t more = sizeof l + key_length + value_length;
		if (used + more > room)
			*rows = realloc(*rows, room = 2 * room + more);
		memcpy(*rows + used, l, sizeof l);
		memcpy(*rows + used + sizeof l, key, key_length);
		memcpy(*rows + used + sizeof l + key_length, value, value_length);
		used += more;
	}
	*length = used;
	if (r->found != NULL)
		rados_omap_get_end(r->found);
	rados_release_read_op(r->op);
	return ret;
}
*/
import "C"

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"runtime"
	"unsafe"
)

var sumStart = [4]byte{0xff, 0xff, 0xff, 0xff} // of a CRC-32C

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// write stores bytes, at least one, at an offset. The caller has entered.
func (c *cluster) write(oid string, b []byte, offset int64) error {
	return answer(C.write_bytes(c.handle(), name(oid), text(b), C.size_t(len(b)), C.uint64_t(offset)))
}

// writeProven stores bytes, at least one, at an offset, and returns the CRC-32C of what the OSD has there then. The caller has entered.
func (c *cluster) writeProven(oid string, b []byte, offset int64) (uint32, error) {
	var sums [8]byte // how many follow (one), the sum
	var proof C.int
	err := answer(C.write_proven(c.handle(), name(oid), (*C.char)(unsafe.Pointer(&b[0])), C.size_t(len(b)), C.uint64_t(offset),
		(*C.char)(unsafe.Pointer(&sumStart[0])), C.size_t(len(sumStart)), (*C.char)(unsafe.Pointer(&sums[0])), C.size_t(len(sums)), &proof))
	if err == nil {
		err = answer(proof)
	}
	return ^binary.LittleEndian.Uint32(sums[4:]), err // Ceph leaves out the final inversion
}

// checksum asks the OSD for the CRC-32C of length bytes of an object, which only tests do by itself (they cannot call C). The caller has entered.
func (c *cluster) checksum(oid string, offset int64, length int) (uint32, error) {
	var sums [8]byte
	err := answer(C.rados_checksum(c.handle(), name(oid), C.LIBRADOS_CHECKSUM_TYPE_CRC32C, (*C.char)(unsafe.Pointer(&sumStart[0])), C.size_t(len(sumStart)),
		C.size_t(length), C.uint64_t(offset), 0, (*C.char)(unsafe.Pointer(&sums[0])), C.size_t(len(sums))))
	return ^binary.LittleEndian.Uint32(sums[4:]), err
}

// changeRows makes the write that apply describes. The caller has entered.
func (c *cluster) changeRows(oid string, ch change) error {
	var same, exist, removed, set []byte
	if len(ch.same) > 0 {
		same = compareEqual(ch.same)
	}
	if len(ch.exist) > 0 {
		exist = compareExist(ch.exist)
	}
	for _, key := range ch.remove {
		removed = pack(removed, key, nil)
	}
	size := 0
	for key, value := range ch.set {
		size += packedSize(key, value)
	}
	set = make([]byte, 0, size)
	for key, value := range ch.set {
		set = pack(set, key, value)
	}
	return answer(C.change_rows(c.handle(), name(oid), name(compareClass), name(compareMethod), text(same), C.size_t(len(same)), text(exist), C.size_t(len(exist)),
		text(removed), C.size_t(len(ch.remove)), text(set), C.size_t(len(ch.set))))
}

// getRows reads rows by their keys, or gives up when ctx ends. The caller has entered.
func (c *cluster) getRows(ctx context.Context, oid string, keys []string) (map[string][]byte, error) {
	var wanted []byte
	for _, key := range keys {
		wanted = pack(wanted, key, nil)
	}
	r := (*C.struct_row_read)(C.malloc(C.sizeof_struct_row_read))
	defer C.free(unsafe.Pointer(r))
	if err := answer(C.begin_rows(r, c.handle(), name(oid), text(wanted), C.size_t(len(keys)))); err != nil {
		return nil, err
	}
	defer C.rados_aio_release(r.completion)
	var rows *C.char
	var length C.size_t
	err := c.await(ctx, r.completion, func() error { return answer(C.end_rows(r, &rows, &length)) })
	if rows != nil {
		defer C.free(unsafe.Pointer(rows))
	}
	if err != nil {
		return nil, err
	}
	packed := C.GoBytes(unsafe.Pointer(rows), C.int(length))
	found := make(map[string][]byte, len(keys))
	for len(packed) > 0 {
		k, v := binary.NativeEndian.Uint32(packed), binary.NativeEndian.Uint32(packed[4:])
		packed = packed[8:]
		found[string(packed[:k])] = packed[k : k+v : k+v]
		packed = packed[k+v:]
	}
	return found, nil
}

// await has end wait for a call under way, and cancels the call when ctx ends. Then the error is the context's.
func (c *cluster) await(ctx context.Context, completion C.rados_completion_t, end func() error) error {
	canceled := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(canceled)
		C.rados_aio_cancel(c.handle(), completion) // where there is an answer already it does nothing
	})
	err := end()
	if !stop() {
		<-canceled
		return context.Cause(ctx)
	}
	return err
}

// readNow fills b from an offset and says how much there was, or gives up when ctx ends. The caller has entered.
func (c *cluster) readNow(ctx context.Context, oid string, b []byte, offset int64) (n int, err error) {
	var completion C.rados_completion_t
	if err := answer(C.rados_aio_create_completion2(nil, nil, &completion)); err != nil {
		return 0, err
	}
	defer C.rados_aio_release(completion)
	var pin runtime.Pinner
	pin.Pin(unsafe.SliceData(b))
	defer pin.Unpin()
	if err := answer(C.rados_aio_read(c.handle(), name(oid), completion, text(b), C.size_t(len(b)), C.uint64_t(offset))); err != nil {
		return 0, err
	}
	err = c.await(ctx, completion, func() error {
		C.rados_aio_wait_for_complete(completion)
		n = int(C.rados_aio_get_return_value(completion))
		return answer(C.int(min(n, 0)))
	})
	return max(n, 0), err
}

// pack appends a row as split finds it.
func pack(b []byte, key string, value []byte) []byte {
	b = binary.NativeEndian.AppendUint32(b, uint32(len(key)))
	b = binary.NativeEndian.AppendUint32(b, uint32(len(value)))
	return append(append(b, key...), value...)
}

func packedSize(key string, value []byte) int { return 8 + len(key) + len(value) }

func (c *cluster) handle() C.rados_ioctx_t { return C.rados_ioctx_t(c.io.Pointer()) }

// name is a string as C has it, for one call.
func name(s string) *C.char { return text(append([]byte(s), 0)) }

// text is memory of Go, for one call.
func text(b []byte) *C.char { return (*C.char)(unsafe.Pointer(unsafe.SliceData(b))) }

// answer is the error of a call as an errno.
func answer(ret C.int) error {
	if ret < 0 {
		return errno(-ret)
	}
	return nil
}
