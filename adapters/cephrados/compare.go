//go:build ceph && cgo

package cephrados

import "encoding/binary"

// The OSD's class cmpomap (Ceph 16 and newer, src/cls/cmpomap) compares omap rows within a write operation and fails it with ECANCELED. librados has no C
// call for it, so its argument is encoded here: version 1, compatible with 1, length, then mode, operator, rows, and the value that stands for absent ones.
const (
	compareClass, compareMethod = "cmpomap", "cmp_vals"

	modeString = 1 // CEPH_OSD_CMPXATTR_MODE_STRING
	opEqual    = 1 // CEPH_OSD_CMPXATTR_OP_EQ
	opNotEqual = 2 // CEPH_OSD_CMPXATTR_OP_NE
)

// compareEqual demands that rows have these values. No row of the index is empty, so an empty value demands that there is none.
func compareEqual(rows map[string][]byte) []byte { return encodeCompare(opEqual, rows) }

// compareExist demands that rows are there.
func compareExist(keys []string) []byte {
	rows := map[string][]byte{}
	for _, k := range keys {
		rows[k] = nil
	}
	return encodeCompare(opNotEqual, rows)
}

func encodeCompare(op byte, rows map[string][]byte) []byte {
	le := binary.LittleEndian
	body := le.AppendUint32([]byte{modeString, op}, uint32(len(rows)))
	for _, k := range sortedKeys(rows) {
		body = append(le.AppendUint32(body, uint32(len(k))), k...)
		body = append(le.AppendUint32(body, uint32(len(rows[k]))), rows[k]...)
	}
	body = append(body, 1, 0, 0, 0, 0) // absent rows count as empty
	return append(le.AppendUint32([]byte{1, 1}, uint32(len(body))), body...)
}
