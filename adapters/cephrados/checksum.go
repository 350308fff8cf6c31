//go:build ceph && cgo

package cephrados

/*
#cgo LDFLAGS: -lrados
#include <stdlib.h>
#include <rados/librados.h>
*/
import "C"

import (
	"encoding/binary"
	"hash/crc32"
	"unsafe"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum asks the OSD for the CRC-32C of length bytes of an object. go-ceph has the call behind the tag ceph_preview only. The caller has entered.
func (c *cluster) checksum(oid string, offset int64, length int) (uint32, error) {
	name := C.CString(oid)
	defer C.free(unsafe.Pointer(name))
	start := [4]byte{0xff, 0xff, 0xff, 0xff}
	var answer [8]byte // how many sums follow (one), the sum
	ret := C.rados_checksum(C.rados_ioctx_t(c.io.Pointer()), name, C.LIBRADOS_CHECKSUM_TYPE_CRC32C, (*C.char)(unsafe.Pointer(&start[0])), C.size_t(len(start)),
		C.size_t(length), C.uint64_t(offset), 0, (*C.char)(unsafe.Pointer(&answer[0])), C.size_t(len(answer)))
	if ret < 0 {
		return 0, errno(-ret)
	}
	return ^binary.LittleEndian.Uint32(answer[4:]), nil // Ceph leaves out the final inversion
}
