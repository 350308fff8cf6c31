package api

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// outcomeJSON is one line of a report.
type outcomeJSON struct {
	Key         string    `json:"key"`
	VersionID   string    `json:"versionId,omitempty"`
	Bytes       int64     `json:"bytes"`
	Outcome     string    `json:"outcome"` // copied, skipped, failed
	Reason      string    `json:"reason,omitempty"`
	Source      *copyJSON `json:"source,omitempty"`
	Destination *copyJSON `json:"destination,omitempty"`
	Proof       string    `json:"proof,omitempty"`
}

// copyJSON is what is known of the bytes at one end.
type copyJSON struct {
	Backend   string `json:"backend,omitempty"`
	Algorithm string `json:"algorithm,omitempty"`
	Checksum  string `json:"checksum,omitempty"`
}

func outcomeOf(o *dataflowpb.Outcome) outcomeJSON {
	return outcomeJSON{o.GetKey(), o.GetVersionId(), o.GetBytes(), o.GetOutcome(), o.GetReason(), copyOf(o.GetSource()), copyOf(o.GetDestination()), o.GetProof()}
}

func copyOf(c *dataflowpb.Copy) *copyJSON {
	if c == nil {
		return nil
	}
	return &copyJSON{c.GetBackend(), c.GetAlgorithm(), c.GetChecksum()}
}

func (s *Service) jobReport(w http.ResponseWriter, r *http.Request) error {
	return s.streamReport(w, r, false)
}

func (s *Service) jobFailures(w http.ResponseWriter, r *http.Request) error {
	return s.streamReport(w, r, true)
}

// streamReport writes JSON lines as they come. A failure on the way cuts the connection: a report that ends well is whole.
func (s *Service) streamReport(w http.ResponseWriter, r *http.Request, failuresOnly bool) error {
	ctx := r.Context()
	job, err := s.peers.Dataflow.GetJob(ctx, &dataflowpb.ByName{IdOrName: param(r, "id")})
	if err != nil {
		return err
	}
	stream, err := s.peers.Dataflow.Report(ctx, &dataflowpb.ReportRequest{JobId: job.GetId(), FailuresOnly: failuresOnly})
	if err != nil {
		return err
	}
	line, err := stream.Recv()
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	c := http.NewResponseController(w)
	out := bufio.NewWriterSize(w, 64<<10)
	for n := 0; err == nil; n++ {
		if n%1000 == 0 {
			c.SetWriteDeadline(time.Now().Add(answerTime))
		}
		text, encodeErr := json.Marshal(outcomeOf(line))
		if encodeErr != nil {
			err = encodeErr
			break
		}
		out.Write(text)
		if err = out.WriteByte('\n'); err != nil { // the caller went away; bufio remembers an earlier failure
			break
		}
		line, err = stream.Recv()
	}
	if errors.Is(err, io.EOF) {
		err = out.Flush()
	}
	if err != nil {
		s.log.WarnContext(ctx, "report cut off", "request", rpc.RequestID(ctx), "job", job.GetId(), "err", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}
