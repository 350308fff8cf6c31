package scheduler

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/opensds/gelato/internal/checksum"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/overwrite"
	"github.com/opensds/gelato/internal/trouble"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// walk lists the source from the job's cursor to the end and adds tasks. leaveOut names objects that are passed over.
func (d *driver) walk(ctx context.Context, j *dataflowpb.Job, leaveOut map[failure]bool) (*dataflowpb.Job, error) {
	scope, err := newScope(d.plan)
	if err != nil || scope.empty {
		return j, err
	}
	list, err := d.sourceList(ctx, scope.prefix)
	if err != nil {
		return j, err
	}
	dest, err := d.destination(ctx)
	if err != nil {
		return j, err
	}
	c := cutter{driver: d, job: j}
	for after, more := j.GetCursor(), true; more; {
		p, err := list(ctx, after)
		if err != nil {
			return c.job, err
		}
		for _, o := range p.objects {
			if leaveOut[failure{o.key, o.id}] || !scope.has(o.key, o.Size, o.Modified) {
				continue
			}
			entry, skip, err := d.judge(ctx, o, dest, j.GetPass())
			if err != nil {
				return c.job, err
			}
			if err := c.take(ctx, o, entry, skip); err != nil {
				return c.job, err
			}
		}
		after, more = p.next, p.more
	}
	return c.job, c.cut(ctx)
}

func (d *driver) sourceList(ctx context.Context, prefix string) (lister, error) {
	if b := d.plan.GetSource().GetBucket(); b != "" {
		// To relocate is to move every version: a backend is to be left empty. The other modes take what is current.
		return d.ofBucket(b, prefix, d.plan.GetMode() == "relocate"), nil
	}
	return d.ofBackend(ctx, d.source, prefix)
}

// destination lists what is at the destination of a copy or move, nil where that makes no difference.
func (d *driver) destination(ctx context.Context) (*lookup, error) {
	to := d.plan.GetDestination()
	switch {
	case d.plan.GetMode() != "copy" && d.plan.GetMode() != "move", overwrite.Rule(d.plan.GetOptions().GetOverwrite()) == overwrite.Always:
		return nil, nil
	case to.GetBucket() != "":
		return &lookup{list: d.ofBucket(to.GetBucket(), to.GetPrefix(), false)}, nil
	}
	list, err := d.ofBackend(ctx, d.dest, to.GetPrefix())
	return &lookup{list: list}, err
}

// judge says what is done with an object: an entry of a task, a line in the report, or, with neither, nothing: it is not in scope.
func (d *driver) judge(ctx context.Context, o object, dest *lookup, pass int32) (*dataflowpb.Entry, *dataflowpb.Outcome, error) {
	entry := &dataflowpb.Entry{Key: o.key, Size: o.Size}
	if d.plan.GetSource().GetBucket() != "" {
		entry.Rev, entry.Version, entry.VersionId, entry.BackendId = o.tag, o.version, o.id, o.backend
	} else {
		entry.Etag, entry.ModTime = o.tag, timestamppb.New(o.Modified)
	}
	if d.plan.GetMode() == "relocate" {
		switch {
		case d.source != "" && o.backend != d.source:
			return nil, nil, nil
		case o.backend != d.dest:
			return entry, nil, nil
		case pass > 1: // brought there by an earlier pass, or written there since
			return nil, nil, nil
		}
		return nil, d.skip(ctx, o, o.backend, o.CRC64, "already there"), nil
	}
	key := d.plan.GetDestination().GetPrefix() + strings.TrimPrefix(o.key, d.plan.GetSource().GetPrefix())
	if key == "" {
		return nil, d.skip(ctx, o, d.dest, nil, "its key would be empty at the destination"), nil
	}
	if key != o.key {
		entry.DestKey = key
	}
	if d.plan.GetDestination().GetBucket() == "" && isOwn(key) {
		return nil, d.skip(ctx, o, d.dest, nil, "the destination key has the form of Gelato's own"), nil
	}
	if dest == nil {
		return entry, nil, nil
	}
	there, ok, err := dest.find(ctx, key)
	if err != nil || !ok {
		return entry, nil, err
	}
	entry.DestTag = there.tag
	copies, reason := overwrite.Decide(overwrite.Rule(d.plan.GetOptions().GetOverwrite()), o.Version, there.Version)
	if copies || d.plan.GetMode() == "move" && there.Size == o.Size {
		return entry, nil, nil // a move that was interrupted has left a source whose copy is there: the mover removes it
	}
	return nil, d.skip(ctx, o, there.backend, there.CRC64, reason), nil
}

// skip makes the report line of an object that needs no work.
func (d *driver) skip(ctx context.Context, o object, destBackend string, destCRC *uint64, reason string) *dataflowpb.Outcome {
	return &dataflowpb.Outcome{Key: o.key, VersionId: o.id, Bytes: o.Size, Outcome: "skipped", Reason: reason,
		Source: copyOf(d.name(ctx, o.backend), o.CRC64), Destination: copyOf(d.name(ctx, destBackend), destCRC)}
}

func copyOf(backend string, crc *uint64) *dataflowpb.Copy {
	c := &dataflowpb.Copy{Backend: backend}
	if crc != nil {
		c.Algorithm, c.Checksum = "CRC64NVME", base64.StdEncoding.EncodeToString(checksum.Bytes64(*crc))
	}
	return c
}

// Limits of a task; the first two are the design's, the others keep its document under 1 MiB.
const (
	maxEntries = 500
	maxBytes   = 1 << 30
	maxSkipped = 2000
	maxText    = 400 << 10
)

// cutter collects objects and adds a task whenever one is full.
type cutter struct {
	*driver
	job     *dataflowpb.Job
	entries []*dataflowpb.Entry
	skipped []*dataflowpb.Outcome
	bytes   int64 // of the entries' objects
	text    int   // of keys
	last    string
}

// take adds one object, as an entry or as skipped.
func (c *cutter) take(ctx context.Context, o object, e *dataflowpb.Entry, skip *dataflowpb.Outcome) error {
	if e == nil && skip == nil {
		return nil
	}
	if e != nil && len(c.entries) > 0 && c.bytes+o.Size > maxBytes {
		if err := c.cut(ctx); err != nil {
			return err
		}
	}
	c.last = o.cursor
	if e != nil {
		c.entries = append(c.entries, e)
		c.bytes += o.Size
		c.text += len(e.Key) + len(e.DestKey)
	} else {
		c.skipped = append(c.skipped, skip)
		c.text += len(skip.Key)
	}
	if len(c.entries) == maxEntries || c.bytes >= maxBytes || len(c.skipped) == maxSkipped || c.text >= maxText {
		return c.cut(ctx)
	}
	return nil
}

// cut adds a task of what is collected, waiting while the job has too many open ones, and publishes it.
func (c *cutter) cut(ctx context.Context) error {
	if len(c.entries) == 0 && len(c.skipped) == 0 {
		return nil
	}
	request := &dataflowpb.AddTaskRequest{JobId: c.id, Pass: c.job.GetPass(), Seq: c.job.GetNextSeq(), Entries: c.entries, EndKey: c.last, Skipped: c.skipped}
	for {
		r, err := c.Dataflow.AddTask(ctx, request)
		switch {
		case errs.Is(err, errs.ResourceExhausted):
			if !trouble.Sleep(ctx, wait) {
				return ctx.Err()
			}
			continue
		case errs.ReasonOf(err) == "Taken" || errs.ReasonOf(err) == "Stale":
			return errElsewhere
		case err != nil:
			return fmt.Errorf("add task: %w", err)
		}
		c.job = r.GetJob()
		c.entries, c.skipped, c.bytes, c.text = nil, nil, 0, 0
		if id := r.GetTaskId(); id != "" {
			if err := c.pub.publish(ctx, id); err != nil {
				c.log.WarnContext(ctx, "a task is published later", "task", id, "err", err) // as one that nobody holds
			}
		}
		return nil
	}
}
