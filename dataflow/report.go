package dataflow

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"google.golang.org/grpc"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// Outcomes of an object; the third is the job state failed.
const (
	copied  = "copied"
	skipped = "skipped"
)

func reportKey(id taskID, epoch int64) string { return fmt.Sprintf("%s/%09d", id, epoch) }

// line is one object of a report document, as REST shows it.
type line struct {
	Key         string `json:"key"`
	VersionID   string `json:"versionId,omitempty"`
	Bytes       int64  `json:"bytes"`
	Outcome     string `json:"outcome"`
	Reason      string `json:"reason,omitempty"`
	Source      *place `json:"source,omitempty"`
	Destination *place `json:"destination,omitempty"`
	Proof       string `json:"proof,omitempty"`
}

type place struct {
	Backend   string `json:"backend"`
	Algorithm string `json:"algorithm,omitempty"`
	Checksum  string `json:"checksum,omitempty"`
}

func placeOf(c *dataflowpb.Copy) *place {
	if c == nil {
		return nil
	}
	return &place{c.GetBackend(), c.GetAlgorithm(), c.GetChecksum()}
}

func (p *place) proto() *dataflowpb.Copy {
	if p == nil {
		return nil
	}
	return &dataflowpb.Copy{Backend: p.Backend, Algorithm: p.Algorithm, Checksum: p.Checksum}
}

// packLines makes compressed JSON lines.
func packLines(outcomes []*dataflowpb.Outcome) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, o := range outcomes {
		if err := enc.Encode(line{o.GetKey(), o.GetVersionId(), o.GetBytes(), o.GetOutcome(), o.GetReason(),
			placeOf(o.GetSource()), placeOf(o.GetDestination()), o.GetProof()}); err != nil {
			return nil, errs.New(errs.Internal, "a report cannot be encoded", err)
		}
	}
	return compress(b.Bytes())
}

// tally counts outcomes.
func tally(outcomes []*dataflowpb.Outcome) (c counters) {
	for _, o := range outcomes {
		switch o.GetOutcome() {
		case copied:
			c.Passed++
			c.PassedBytes += o.GetBytes()
		case skipped:
			c.Skipped++
			c.PassedBytes += o.GetBytes()
			c.SkippedBytes += o.GetBytes()
		case failed:
			c.Failed++
		}
	}
	return c
}

// Report implements dataflowpb.DataflowServer.
func (s *Service) Report(r *dataflowpb.ReportRequest, out grpc.ServerStreamingServer[dataflowpb.Outcome]) error {
	ctx := out.Context()
	j, err := s.job(ctx, r.GetJobId())
	if err != nil {
		return err
	}
	send := func(packed []byte) error {
		raw, err := decompress(packed)
		if err != nil {
			return err
		}
		for lines := bufio.NewReader(bytes.NewReader(raw)); ; {
			text, err := lines.ReadBytes('\n')
			if err != nil {
				return nil // the end: every line ends in a newline
			}
			var l line
			if err := json.Unmarshal(text, &l); err != nil {
				return errs.New(errs.DataLoss, "a stored report cannot be read", err)
			}
			if r.GetFailuresOnly() && l.Outcome != failed {
				continue
			}
			if err := out.Send(&dataflowpb.Outcome{Key: l.Key, VersionId: l.VersionID, Bytes: l.Bytes, Outcome: l.Outcome, Reason: l.Reason,
				Source: l.Source.proto(), Destination: l.Destination.proto(), Proof: l.Proof}); err != nil {
				return err
			}
		}
	}
	for pass := int32(1); pass <= j.Pass; pass++ {
		n := j.NextSeq
		if pass < j.Pass {
			n = j.Passes[pass-1]
		}
		const run = 16
		for seq := int64(0); seq < n; seq += run {
			if err := s.reportRun(ctx, taskID{r.GetJobId(), pass, seq}, min(run, n-seq), r.GetFailuresOnly(), send); err != nil {
				return err
			}
		}
	}
	return nil
}

// reportRun sends the report lines of n tasks from first on.
func (s *Service) reportRun(ctx context.Context, first taskID, n int64, failuresOnly bool, send func([]byte) error) error {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = taskID{first.job, first.pass, first.seq + int64(i)}.String()
	}
	leases, err := s.leases.GetMany(ctx, keys)
	if err != nil {
		return err
	}
	var tasks []docstore.Item[taskDoc]
	if !failuresOnly { // a walk skips, it never fails an object
		if tasks, err = s.tasks.GetMany(ctx, keys); err != nil {
			return err
		}
	}
	for i, l := range leases {
		if tasks != nil && len(tasks[i].Value.Skipped) > 0 {
			if err := send(tasks[i].Value.Skipped); err != nil {
				return err
			}
		}
		if l.Value.State != done || failuresOnly && l.Value.Result.Failed == 0 {
			continue
		}
		doc, _, err := s.reports.Get(ctx, reportKey(taskID{first.job, first.pass, first.seq + int64(i)}, l.Value.Epoch))
		if err != nil {
			return fmt.Errorf("read report of %s: %w", keys[i], err)
		}
		if err := send(doc.Lines); err != nil {
			return err
		}
	}
	return nil
}
