//go:build ceph && cgo

package cephrados

/*
#cgo LDFLAGS: -lrados
#include <stdlib.h>
#include <rados/librados.h>

// write_kept writes at an offset and asks the OSD to keep the bytes in its cache for a moment.
static int write_kept(rados_ioctx_t pool, const char *oid, const char *bytes, size_t length, uint64_t offset) {
	rados_write_op_t op = rados_create_write_op();
	rados_write_op_write(op, bytes, length, offset);
	rados_write_op_set_flags(op, LIBRADOS_OP_FLAG_FADVISE_WILLNEED);
	int ret = rados_write_op_operate2(op, pool, oid, NULL, LIBRADOS_OPERATION_FULL_TRY);
	rados_release_write_op(op);
	return ret;
}
*/
import "C"

import (
	"encoding/binary"
	"hash/crc32"
	"unsafe"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// write stores bytes, at least one, at an offset. The OSD is told that they will be needed, as its checksum is asked for next: else it would read them back
// from the disk. go-ceph cannot say so. The caller has entered.
func (c *cluster) write(oid string, b []byte, offset int64) error {
	name := C.CString(oid)
	defer C.free(unsafe.Pointer(name))
	return answer(C.write_kept(C.rados_ioctx_t(c.io.Pointer()), name, (*C.char)(unsafe.Pointer(&b[0])), C.size_t(len(b)), C.uint64_t(offset)))
}

// checksum asks the OSD for the CRC-32C of length bytes of an object. go-ceph has the call behind the tag ceph_preview only. The caller has entered.
func (c *cluster) checksum(oid string, offset int64, length int) (uint32, error) {
	name := C.CString(oid)
	defer C.free(unsafe.Pointer(name))
	start := [4]byte{0xff, 0xff, 0xff, 0xff}
	var sums [8]byte // how many follow (one), the sum
	err := answer(C.rados_checksum(C.rados_ioctx_t(c.io.Pointer()), name, C.LIBRADOS_CHECKSUM_TYPE_CRC32C, (*C.char)(unsafe.Pointer(&start[0])), C.size_t(len(start)),
		C.size_t(length), C.uint64_t(offset), 0, (*C.char)(unsafe.Pointer(&sums[0])), C.size_t(len(sums))))
	return ^binary.LittleEndian.Uint32(sums[4:]), err // Ceph leaves out the final inversion
}

// answer is the error of a call as an errno.
func answer(ret C.int) error {
	if ret < 0 {
		return errno(-ret)
	}
	return nil
}
