package datamover

import (
	"context"
	"encoding/base64"

	"github.com/opensds/gelato/internal/checksum"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// set records what became of an entry.
func (a *attempt) set(i int, o *dataflowpb.Outcome) {
	e := a.task.GetEntries()[i]
	o.Key = e.GetKey()
	o.VersionId = e.GetVersionId()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.outcomes[i] = o
	switch o.GetOutcome() {
	case "copied":
		a.done.PassedCount++
		a.done.PassedBytes += o.GetBytes()
		a.done.CopiedBytes += o.GetBytes()
	case "skipped":
		a.done.SkippedCount++
		a.done.PassedBytes += o.GetBytes()
	default:
		a.done.FailedCount++
	}
}

func (a *attempt) dealt(i int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.outcomes[i] != nil
}

// fail records a failure with its public reason.
func (a *attempt) fail(i int, err error) {
	e := a.task.GetEntries()[i]
	a.log.Warn("an object failed", "task", a.task.GetId(), "key", e.GetKey(), "err", err)
	a.set(i, &dataflowpb.Outcome{Bytes: e.GetSize(), Outcome: "failed", Reason: errs.CodeOf(err).String() + ": " + errs.Public(err)})
}

func (a *attempt) skip(i int, reason string) {
	a.set(i, &dataflowpb.Outcome{Bytes: a.task.GetEntries()[i].GetSize(), Outcome: "skipped", Reason: reason})
}

// at describes one copy for the report.
func at(backend string, crc *uint64) *dataflowpb.Copy {
	c := &dataflowpb.Copy{Backend: backend}
	if crc != nil {
		c.Algorithm, c.Checksum = string(checksum.CRC64NVME), base64.StdEncoding.EncodeToString(checksum.Bytes64(*crc))
	}
	return c
}

func outcome(kind string, size int64, proof string) *dataflowpb.Outcome {
	return &dataflowpb.Outcome{Bytes: size, Outcome: kind, Proof: proof}
}

// already is the outcome of an object that is at the destination when its turn comes. The same version as the walk met elsewhere was brought there by
// an attempt that committed, and so had verified, but could not report; another one was written there by a client.
func (a *attempt) already(ctx context.Context, e *dataflowpb.Entry, head *catalogpb.Object) *dataflowpb.Outcome {
	if e.GetVersion() == "" || head.GetVersion() != e.GetVersion() {
		o := outcome("skipped", head.GetSize(), "")
		o.Reason, o.Destination = "already there", at(a.dest.name, head.Crc64)
		return o
	}
	o := outcome("copied", head.GetSize(), "verified-when-committed")
	o.Source, o.Destination = at(a.name(ctx, e.GetBackendId()), head.Crc64), at(a.dest.name, head.Crc64)
	return o
}
