package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// jobEvents sends the job as server-sent events named "job": at once, whenever it changed, and a comment when it did not, so that
// both sides see that the other lives. The stream ends after the event that shows the job over.
// https://html.spec.whatwg.org/multipage/server-sent-events.html
func (s *Service) jobEvents(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	in := &dataflowpb.ByName{IdOrName: param(r, "id")}
	job, err := s.peers.Dataflow.GetJob(ctx, in)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	c := http.NewResponseController(w)
	ticker := time.NewTicker(s.o.EventInterval)
	defer ticker.Stop()
	last := ""
	for {
		text, err := json.Marshal(jobOf(job))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		event := ": still here\n\n"
		if string(text) != last {
			event = fmt.Sprintf("event: job\ndata: %s\n\n", text)
		}
		last = string(text)
		c.SetWriteDeadline(time.Now().Add(answerTime))
		if _, err := w.Write([]byte(event)); err != nil {
			return nil // the caller went away
		}
		c.Flush()
		if overStatuses[job.GetStatus()] {
			return nil
		}
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-s.ending:
				return nil
			case <-ticker.C:
			}
			fresh, err := s.peers.Dataflow.GetJob(ctx, in)
			if err == nil {
				job = fresh
				break
			}
			if !errs.Retryable(err) {
				return nil // removed, or going down: the caller comes again
			}
		}
	}
}
