// Package catalog keeps what is true about buckets and objects: heads, uploads, part tables, the journal and its reader.
//
// It belongs to the s3 service and only s3/ imports it: the S3 handlers call it directly, other services through
// proto/catalogpb (s3/catalogrpc serves it). It never touches object bytes except to complete multipart uploads and to delete collected blobs.
//
// The protocol is made for processes that stop for any time, or for ever, between any two steps, and for a document store that knows
// nothing but compare-and-set of one document. No step relies on clocks for safety: clocks only say when to stop waiting. The model
// checker in the tests runs it against such interruptions; each rule below says what breaks without it.
//
// # Documents
//
//	buckets    <name>                               id (one per incarnation), owner, placement, names of settings, deleting
//	settings   <bucketId>/<name>/<revision>         sub-resources of a bucket, immutable
//	objects    <bucketId>/<key>                     the head: what the key holds now
//	versions   <bucketId>, <key>, <newest first>    versions that are not the current one (joined, as uploads are)
//	journal    <shard>/<note id>                    notes: changes that were begun
//	usage      <shard>/<bucketId>                   ledger: sums by backend, and the notes applied last
//	usage      <shard>                              up to when the shard was read
//	events     <shard>/<target>/<revision>          what others are to be told of (outboxes)
//	garbage    <shard>/<due>/<blob id>              blobs to delete
//	uploads    <bucketId>, <key>, <upload id>       multipart uploads (joined so that they sort by key, then by id)
//	parts      <upload id>/<n>                      their parts
//	manifests  <blob id>[.<digest>]/<last n>        part tables of objects, immutable, in pages
//	adopted    <backendId>, <native key>            claims on foreign objects
//
// A head is live or a tombstone. Its document revision changes with every write; besides it names the note of the change that
// made it. A shard is a hash of bucket id and key: all notes of a key are in one.
//
// # A change
//
//  1. Read the head: the base. Draw a revision r above the base's, and a blob.
//  2. Store the note: new and old side, base, deadline. In parallel the blob is uploaded, but cannot become visible before the
//     note is stored (Write.Guard): else a crash in between leaves a blob that nobody knows of.
//  3. If there is no head, insert a tombstone and make it the base; then read the note again and stop if it was closed. So every commit is a
//     Replace of a base that was seen. Were it an Insert into absence, a writer that slept for hours could still do it.
//  4. Commit: replace the head where its revision is the base's. If it moved on, write the new base and a new r into the note, in place, and try again. The
//     note's id stays, so that whoever closes it stops the change whatever it is based on by then.
//  5. Read the bucket again. If this incarnation is gone, delete the object again, which is a change like any other.
//
// A write of unknown outcome may also be done later: a document store that stood still finds it in its sockets. An unknown outcome is looked up: the note of the head, or of any change below it in the chain (each note says which change its base was
// made by), being one's own means success. Only where the chain is settled already nobody can tell, and the caller is told so.
//
// A delete is a change whose new side is nothing: it leaves a tombstone, because the head must go on naming the note until that is settled.
// To amend an object is a change that keeps its bytes: its note has neither side. A relocation is a change whose new side has another location; Object.Version stays. A write that takes long is renewed: its note gets a
// later deadline.
//
// # Versions
//
// The head holds the current version, which may be a delete marker; older ones are documents of their own. A key that has versions has a live head or one that
// is a marker; a tombstone has none. Every change of any version of a key is a change of its head: to overwrite, to delete a version for good, to amend or relocate one. What
// it leaves to be done in the collection stands in the head as its shift: a version to put there (it left the head, or is there in another form), one to drop (deleted for
// good, or the current one by now, or a null version that was replaced). A shift takes effect with its head: what it puts is there, what it drops is gone,
// whatever the collection says. So head and collection together are the truth. Nobody needs to finish a shift but who replaces the head, and he does so first: an overwrite
// costs the one document that the version before the last needs.
//
//   - To drop and to put another form are a Delete and a Replace of a revision that was seen. To put a version is the Replace of a slot: an empty document, inserted
//     first; then the head is read once more, and must still have this shift. Were the version inserted, one that slept for hours could bring back
//     what was deleted since, with its bytes collected. A slot that came too late is taken away, and whoever wanted to fill it starts again.
//   - Who needs to know of a version below the head (to promote the newest, to delete or amend one) reads it after the shift is finished, and goes on with this head's revision. What is
//     missing is answered only if the head is still the same then.
//   - Reading a version: head, its document, and if that is missing the head again.
//
// The Version of a version is the revision under which it was committed; clients see it as its id, or "null" where versioning was not enabled. The order of versions is that of
// Version, so never that of clocks. The head knows the Version of a null version below it, as the next one replaces it. Whether a write makes a version with an id is decided by the bucket as
// it was read within cacheTTL (for uploads: when the attempt is noted, which the document of the upload says), and never destroys a version with an id: so a
// writer that is late may lay a version of the former kind, and do no other harm.
//
// A note's old side is what a change takes away for good, if anything: a version that stays is not in it.
//
// # The journal's reader
//
// Each shard has one, by lease; several processes share the shards out evenly. A second one may run for a moment. A pass reads pages of notes and settles them per bucket:
//
//  1. Read the ledger, then the heads, then the notes once more. Notes that come with this last reading are not counted in that ledger,
//     and those which the heads call committed are final.
//  2. Committed are the notes that the chain from the head meets. One whose predecessor is stored but not in this batch waits: so a
//     note that is gone proves that all before it are settled, and the chain may end there.
//  3. Of the others, those that are closed, or whose deadline passed, are closed first, by compare-and-set, and then fenced: if the head still has the
//     base's revision it is given another one (or, a writer's tombstone, removed). From then on the commit cannot succeed.
//  4. Live objects in a bucket that is gone are taken back (see step 5 above; the writer may have died).
//  5. Garbage is listed: the old side's blob of a committed note, the new side's of a dead one. Events of committed notes are stored in the outboxes
//     of their targets: again, if the next step fails and another pass does it, perhaps after they were delivered.
//  6. The ledger is replaced, with the new sums and the ids of all settled notes. This is the one moment in which they count.
//  7. Tombstones of settled deletes, then the notes, are deleted. The next batch begins by making sure that they are.
//
// Garbage is deleted after the grace time if no version refers to it, natively first, then its document: head, version, and head again are looked at. It cannot come back: what
// was replaced never returns, and what was not committed was fenced before it came on the list.
//
// # Uploads
//
// creating -> open -> completing -> done, or aborting; each step is a compare-and-set. The document is there before the native upload. To complete, the
// client's list is frozen: the part table is stored, the document goes to completing and names it. From here anyone may go on, several at once: complete
// natively (idempotent); note an attempt and write its id into the document; replace the head. Only the attempt that the document names is tried. If
// the head moved on without it, it never was and never will be committed, and the next attempt is written into the document.
// Whoever replaces a head that names an upload first makes that upload done: until then the head is the only witness. So an
// upload's blob is anchored by its document, never collected on account of a note.
//
// # Buckets
//
// To delete one, mark it as deleting, look for heads of versions or markers, then delete it or take the mark off. Writers put first and read the
// bucket afterwards: one of the two sees the other. A mark that was left behind is finished or undone by whoever meets it.
//
// # Known limits
//
// A store cannot be fenced: bytes that arrive natively long after their write was given up, from a process that dies right then, stay
// until a scrub finds them by their form. The same goes for a tombstone or a page of a part table that such a process
// inserts, or the document store long after it was asked to, and for the slot of a process that died when it was to take it away. They say nothing to anybody. A deleted bucket leaves its empty ledgers,
// and settings where its deleter died right then.
package catalog
