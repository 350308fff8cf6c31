package catalog

import (
	"context"
	"crypto/md5"
	"fmt"
	"strings"

	"github.com/opensds/gelato/adapters"
)

// shared is a multipart upload that several actors work on.
type shared struct {
	u     Upload
	op    *operation
	list  []CompletedPart
	ready bool
}

// multipart creates an upload and its parts and completes it; helpers may complete or abort it at the same time.
func (cl *client) multipart(ctx context.Context, bucket, key string, cond Condition, sh *shared) {
	b, err := cl.c.Bucket(ctx, bucket)
	if err != nil {
		return
	}
	o := cl.ask("upload", b, key)
	o.content = ""
	u, err := cl.c.CreateUpload(ctx, Upload{Bucket: b, Key: key, Metadata: map[string]string{"op": o.id}})
	if err != nil {
		o.state = opFailed
		return
	}
	for n := 1; n <= 1+cl.a.id%2; n++ {
		text := fmt.Sprintf("part %d of %s;", n, o.id)
		p, err := cl.store(u.Location.BackendID).PutPart(ctx, u.Location.NativeKey, u.NativeID, n, strings.NewReader(text), -1, adapters.Sums{})
		if err != nil {
			return
		}
		etag := fmt.Sprintf("%x", md5.Sum([]byte(text)))
		if err := cl.c.PutPart(ctx, u, UploadPart{ObjectPart: ObjectPart{N: n, Size: p.Size, CRC64: p.CRC64, ETag: etag}, Native: p}); err != nil {
			return
		}
		o.content += text
		sh.list = append(sh.list, CompletedPart{N: n, ETag: etag})
	}
	sh.u, sh.op, sh.ready = u, o, true
	cl.complete(ctx, sh, cond)
}

func (cl *client) complete(ctx context.Context, sh *shared, cond Condition) {
	o := sh.op
	ob, err := cl.c.CompleteUpload(ctx, sh.u.Bucket, sh.u.Key, sh.u.ID, sh.list, nil, cond)
	cl.r.log("%s completes %s: %v", cl.a.name, o.id, err)
	switch {
	case cl.a.dead:
	case err == nil && o.undone:
		cl.r.orphaned(o)
		cl.r.violate("%s was completed in a bucket that is gone", o.id)
	case err == nil && o.applied != 1:
		cl.r.violate("%s was completed and happened %d times", o.id, o.applied)
	case err == nil:
		o.state = opOK
		if ob.Metadata["op"] != o.id {
			cl.r.violate("%s was answered with %s", o.id, ob.Metadata["op"])
		}
	}
}

func (cl *client) abort(ctx context.Context, sh *shared) {
	err := cl.c.AbortUpload(ctx, sh.u.Bucket, sh.u.Key, sh.u.ID)
	cl.r.log("%s aborts %s: %v", cl.a.name, sh.op.id, err)
	if err == nil && !cl.a.dead {
		if sh.op.applied != 0 {
			cl.r.violate("%s was aborted and happened", sh.op.id)
		}
		if sh.op.state == opPending {
			sh.op.state = opFailed
		}
	}
}
