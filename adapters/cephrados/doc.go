// Package cephrados keeps objects straight in a pool of a Ceph cluster, through librados and go-ceph, without RGW. It implements adapters.Store.
//
// The type is always listed; the store itself is built with cgo and the tag ceph only (make build CEPH=1, librados-dev): descriptor.go and
// config.go are in every build, the rest in those.
//
// # What is in the pool
//
// In the namespace of the backend, all written in JSON but for parts tables:
//
//	gelato.root            {"format":2,"indexShards":16}; made once, exclusively, so that the number of shards can never differ
//	gelato.index.<n>       an index shard: no bytes, its omap holds everything about the keys whose FNV-1a hash modulo indexShards is n
//	gelato.data.<id>.<n>   stripe n of the bytes of one write; <id> is random and never comes again
//	gelato.parts.<id>      the table of a multipart object: what data its parts are, in order (table.go)
//
// Rows of a shard's omap, by their first byte:
//
//	e<key>                 the entry: ETag, size, time, CRC-64/NVME, headers, metadata, and which data it is (rows.go)
//	b<key>                 the bytes themselves of an object of at most inlineMost (8 KiB), which its entry says
//	p<id>                  an intent: data under <id> is being written, until the time in it
//	g<due>.<id>            garbage: data that nothing refers to, to be removed once its time has come
//	u<key><upload>         an open multipart upload
//	q<upload><nnnnn>       one part of it
//
// Omap keys are in byte order: a listing asks every shard for a run of entries and merges them, and does not read bytes. A shard should not have more
// than about 200,000 rows or 1 GiB of values (Ceph warns then): 16 shards carry three million objects, or half as many small ones, which have two rows each, and
// options.indexShards up to 1,024 of them more. A namespace of format 1, from before there were rows of bytes, is used as it was made: it gets none.
//
// # Writes
//
// The truth about a key is its one entry row. An intent is written first, then the bytes, in stripes under a fresh id, several at once, so that no reader is
// disturbed; a store that is busy writes intents ahead (spares.go). With each piece, and behind it, goes the question which CRC-32C the OSD has then, which must be ours: that is the proof
// "rados-osd-crc32c", left out where it is not wanted (adapters.Sums.Unproven). Then one atomic write operation on the shard compares (class cmpomap) that the entry is still the one that was judged and that
// the intent is still there, sets the entry, removes the intent, and makes a garbage row of the data that was replaced. So conditions are
// atomic, nothing leaks, and no other key's writers are in the way.
//
// A small object takes one operation, and reading it another: entry and bytes are set, replaced, removed and read together, and there is no intent, as nothing
// can be left over. It is not proven: the OSD can compare or answer what it stored in a second operation only, which costs as much as reading back, so that is
// left to those who need a proof. Every read, of a range too, compares the CRC-64 of the whole.
//
// A write that fails turns its intent into garbage. One whose process died is found by its intent, which runs out after
// leaseTime unless it is renewed. Where the outcome of the last operation is unknown (a timeout), taking the intent away settles it: either it
// is gone, then the write had happened; or it is gone by our hand, then it can happen no more. Without an intent the entry is read: operations of one
// connection on one object keep their order.
//
// Every open store that may write sweeps now and then (sweep.go): intents that ran out, garbage that is due. Data that was replaced or deleted stays for
// graceTime, for those who are reading it; a slower reader gets NotFound, never other bytes. A whole read ends with a comparison of the CRC-64.
//
// # Multipart
//
// A part is data of its own, a row says which. Completing marks the upload with a fresh turn, reads the rows, and swaps all of them for the
// entry in one operation that compares the mark; a part that is stored meanwhile takes the mark away, so it is never lost sight of.
//
// # Time and memory
//
// Calls of librados take no context. Reads of entries and bytes are canceled when theirs ends; others run in goroutines (at most maxCalls calls at all), are left alone then, and end by
// options.timeout; the operation that makes a write visible is always waited for. Buffers come from a budget of bufferBudget per store; when it is used
// up, each call goes on with one small buffer.
//
// Only adapters/all and tests import it.
package cephrados
