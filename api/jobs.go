package api

import (
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// jobJSON is a job of REST; it is only read. Capacities are bytes, the rate bytes/s.
type jobJSON struct {
	ID             string     `json:"id"`
	PlanID         string     `json:"planId"`
	PlanName       string     `json:"planName"`
	Mode           string     `json:"mode"`
	Status         string     `json:"status"` // pending, running, paused, succeeded, failed, cancelled
	TotalCount     int64      `json:"totalCount"`
	PassedCount    int64      `json:"passedCount"`
	SkippedCount   int64      `json:"skippedCount"`
	FailedCount    int64      `json:"failedCount"`
	TotalCapacity  int64      `json:"totalCapacity"`
	PassedCapacity int64      `json:"passedCapacity"`
	Progress       float64    `json:"progress"` // 0 to 100, of what was found so far
	Rate           int64      `json:"rate"`
	ETASeconds     *int64     `json:"etaSeconds"` // null while unknown
	TotalsFinal    bool       `json:"totalsFinal"`
	CreateTime     *time.Time `json:"createTime,omitempty"`
	StartTime      *time.Time `json:"startTime,omitempty"`
	EndTime        *time.Time `json:"endTime,omitempty"`
	Error          string     `json:"error,omitempty"`
}

// The statuses of a job.
var (
	openStatuses = map[string]bool{"pending": true, "running": true, "paused": true}
	overStatuses = map[string]bool{"succeeded": true, "failed": true, "cancelled": true}
)

func jobOf(j *dataflowpb.Job) jobJSON {
	c := j.GetCounters()
	out := jobJSON{
		ID: j.GetId(), PlanID: j.GetPlanId(), PlanName: j.GetPlanName(), Mode: j.GetMode(), Status: j.GetStatus(),
		TotalCount: c.GetTotalCount(), PassedCount: c.GetPassedCount(), SkippedCount: c.GetSkippedCount(), FailedCount: c.GetFailedCount(),
		TotalCapacity: c.GetTotalBytes(), PassedCapacity: c.GetPassedBytes(), Progress: progress(j), Rate: int64(j.GetRate()), TotalsFinal: j.GetTotalsFinal(),
		CreateTime: stamp(j.GetCreateTime()), StartTime: stamp(j.GetStartTime()), EndTime: stamp(j.GetEndTime()), Error: j.GetError(),
	}
	if left := c.GetTotalBytes() - c.GetPassedBytes(); j.GetStatus() == "running" && j.GetTotalsFinal() && j.GetRate() > 0 && left >= 0 {
		eta := int64(math.Ceil(float64(left) / j.GetRate()))
		out.ETASeconds = &eta
	}
	return out
}

// progress is the share of what was found that is dealt with: of the bytes, or of the objects where there are no bytes. A job that is not over
// never shows 100.
func progress(j *dataflowpb.Job) float64 {
	c := j.GetCounters()
	var share float64
	switch {
	case j.GetStatus() == "succeeded":
		return 100
	case c.GetTotalBytes() > 0:
		share = float64(c.GetPassedBytes()) / float64(c.GetTotalBytes())
	case c.GetTotalCount() > 0:
		share = float64(c.GetPassedCount()+c.GetSkippedCount()+c.GetFailedCount()) / float64(c.GetTotalCount())
	}
	p := math.Floor(max(0, min(1, share))*1000) / 10
	if !overStatuses[j.GetStatus()] {
		p = min(p, 99.9)
	}
	return p
}

// listJobs lists jobs, newest first, of ?plan= and with ?status= (several by comma) only.
func (s *Service) listJobs(w http.ResponseWriter, r *http.Request) error {
	after, limit, err := pageOf(r)
	if err != nil {
		return err
	}
	in := &dataflowpb.ListJobsRequest{After: after, Limit: int32(limit), Plan: r.URL.Query().Get("plan")}
	if t := r.URL.Query().Get("status"); t != "" {
		in.Statuses = strings.Split(t, ",")
		for _, st := range in.Statuses {
			if !openStatuses[st] && !overStatuses[st] {
				return errs.Newf(errs.InvalidArgument, "status %q is none of a job", st).Because("status")
			}
		}
	}
	page, err := s.peers.Dataflow.ListJobs(r.Context(), in)
	if err != nil {
		return err
	}
	var items []jobJSON
	for _, j := range page.GetJobs() {
		items = append(items, jobOf(j))
	}
	return writePage(w, items, page.GetMore(), func(j jobJSON) string { return j.ID })
}

func (s *Service) getJob(w http.ResponseWriter, r *http.Request) error {
	j, err := s.peers.Dataflow.GetJob(r.Context(), &dataflowpb.ByName{IdOrName: param(r, "id")})
	if err != nil {
		return err
	}
	return ok(w, jobOf(j))
}

func (s *Service) cancelJob(w http.ResponseWriter, r *http.Request) error {
	j, err := s.peers.Dataflow.CancelJob(r.Context(), &dataflowpb.ByName{IdOrName: param(r, "id")})
	if err != nil {
		return err
	}
	return ok(w, jobOf(j))
}
