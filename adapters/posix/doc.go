// Package posix keeps objects as plain files under one directory: a local disk, a NAS. It implements adapters.Store.
//
// # What is on disk
//
// Key "photos/a.jpg" is the file photos/a.jpg: what is in the directory already can be read, listed and adopted as it is, and what is
// written here can be read by anybody. Only what a file system cannot express is escaped, under names that begin with
// ".gelato~" (see names.go):
//
//	.gelato~d<seg>   a folder whose segment is empty, ".", "..", reserved or over 255 bytes
//	.gelato~f<seg>   a file of such a segment, or one whose plain name is taken by a folder ("a" beside "a/b")
//	.gelato~g<part>  a folder that holds the rest of a segment too long for one name
//	.gelato~store/   staged writes, open uploads, sidecars, the lock file
//
// So each segment of a key is one step in the tree, and the keys below a folder are contiguous in key order except for its long segments,
// which are read together with it: List walks lazily and sorts one folder at a time, within fixed memory.
//
// A file that stands where a folder is needed moves aside to its .gelato~f name, and stays readable meanwhile.
// Names that are not UTF-8, symbolic links, devices and the like are not objects, and what is behind a link is not there: every step from the
// directory, which is an os.Root, is one name and follows none, so nothing reaches out of it. A file system that ignores case or normalises names is refused for writing.
//
// # Writes
//
// Bytes go to a file without a name (O_TMPFILE), or to a staging file where there are none, are fsynced, and are linked or renamed into place; then the folder is fsynced, one fsync for all
// writers that wait for it. options.sync "false" leaves out every fsync. The CRC-64/NVME is computed of the bytes handed
// to write(2) and compared with the caller's before the rename. The adapter is the store here, so an answer is Verified with proof
// "posix-crc64nvme-before-rename": a digest checked on upload. It is no proof of what the disk gives back later.
//
// Content headers, user metadata and the CRC are one extended attribute, user.gelato, in JSON; where the file system has none or it is too big, a
// sidecar file named after the ETag. The ETag is size, modification time in nanoseconds and inode; each write sets a time
// of its own, so a reused inode does not bring an ETag back. A CRC counts only while the ETag that it was stored with is current.
//
// Changes of one key are serialised within the process and, by a byte-range lock, among the processes that have the directory open through this
// package; that makes IfMatch atomic among them. Foreign programs do not take the lock.
//
// Processes on several machines may share a directory over a network file system if that carries byte-range locks between them: NFSv4 does, NFSv3 with its
// lock manager, a mount with nolock or local_lock does not, and then conditions hold on each machine for itself only. Objects of buckets do not rest
// on it: their files are written once, under names that nobody else has, and the catalog decides which one counts. What does are raw
// destinations and adopted objects. This is from nfs(5) and fcntl(2); it has not been tested on a network file system.
//
// Only adapters/all and tests import it.
package posix
