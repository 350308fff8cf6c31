package dataflow

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/opensds/gelato/proto/dataflowpb"
)

// nameDoc says which id a name of a kind belongs to.
type nameDoc struct {
	ID string `bson:"id"`
}

type policyDoc struct {
	ID          string        `bson:"id"`
	Name        string        `bson:"name"`
	Description string        `bson:"description,omitempty"`
	Type        string        `bson:"type"`
	Cron        string        `bson:"cron,omitempty"`
	Timezone    string        `bson:"timezone,omitempty"`
	Every       time.Duration `bson:"every,omitempty"`
	Created     time.Time     `bson:"created"`
	Updated     time.Time     `bson:"updated"`
	Scheduled   time.Time     `bson:"scheduled"` // when the schedule took its present form
	Deleting    bool          `bson:"deleting,omitempty"`
}

type endpoint struct {
	Bucket  string `bson:"bucket,omitempty"`
	Backend string `bson:"backend,omitempty"`
	Prefix  string `bson:"prefix,omitempty"`
}

type filter struct {
	Prefix    string   `bson:"prefix,omitempty"`
	Include   []string `bson:"include,omitempty"`
	Exclude   []string `bson:"exclude,omitempty"`
	MinSize   *int64   `bson:"minSize,omitempty"`
	MaxSize   *int64   `bson:"maxSize,omitempty"`
	OlderThan string   `bson:"olderThan,omitempty"`
	NewerThan string   `bson:"newerThan,omitempty"`
}

type planOptions struct {
	Overwrite       string `bson:"overwrite,omitempty"`
	Verify          string `bson:"verify,omitempty"`
	SwitchPlacement *bool  `bson:"switchPlacement,omitempty"`
	ReleaseSource   bool   `bson:"releaseSource,omitempty"`
	Concurrency     int32  `bson:"concurrency,omitempty"`
}

// plan is what a user says; planDoc and jobDoc hold one each.
type plan struct {
	ID            string      `bson:"id"`
	Name          string      `bson:"name"`
	Description   string      `bson:"description,omitempty"`
	Mode          string      `bson:"mode"`
	Source        endpoint    `bson:"source"`
	Destination   endpoint    `bson:"destination"`
	Filter        filter      `bson:"filter"`
	Options       planOptions `bson:"options"`
	PolicyID      string      `bson:"policyId,omitempty"`
	PolicyEnabled bool        `bson:"policyEnabled,omitempty"`
	Created       time.Time   `bson:"created"`
	Updated       time.Time   `bson:"updated"`
}

type planDoc struct {
	Plan    plan      `bson:"plan"`
	OpenJob string    `bson:"openJob,omitempty"` // the newest job; it may be over already
	Fired   time.Time `bson:"fired"`             // fire times up to this one are dealt with
	LastRun time.Time `bson:"lastRun"`
}

type counters struct {
	Total        int64 `bson:"total"`
	Passed       int64 `bson:"passed"`
	Skipped      int64 `bson:"skipped"`
	Failed       int64 `bson:"failed"`
	TotalBytes   int64 `bson:"totalBytes"`
	PassedBytes  int64 `bson:"passedBytes"`
	SkippedBytes int64 `bson:"skippedBytes"`
}

func (c *counters) add(d counters) {
	c.Total += d.Total
	c.Passed += d.Passed
	c.Skipped += d.Skipped
	c.Failed += d.Failed
	c.TotalBytes += d.TotalBytes
	c.PassedBytes += d.PassedBytes
	c.SkippedBytes += d.SkippedBytes
}

// Job states, as REST shows them.
const (
	pending   = "pending"
	running   = "running"
	succeeded = "succeeded"
	failed    = "failed"
	cancelled = "cancelled"
)

type jobDoc struct {
	Plan        plan      `bson:"plan"` // the snapshot; relative times made absolute
	Status      string    `bson:"status"`
	Counters    counters  `bson:"counters"`
	TotalsFinal bool      `bson:"totalsFinal,omitempty"`
	Created     time.Time `bson:"created"`
	Started     time.Time `bson:"started"`
	Ended       time.Time `bson:"ended"`
	Error       string    `bson:"error,omitempty"`

	Pass      int32   `bson:"pass"`
	NextSeq   int64   `bson:"nextSeq"`
	Cursor    string  `bson:"cursor,omitempty"`
	PassFound int64   `bson:"passFound"`
	Passes    []int64 `bson:"passes,omitempty"` // how many tasks each finished pass had
	Open      []int64 `bson:"open,omitempty"`   // numbers of the tasks of this pass that are not folded
}

func (j *jobDoc) over() bool { return j.Status != pending && j.Status != running }

// openDoc lists a job that is not over.
type openDoc struct {
	PlanID string `bson:"planId,omitempty"` // empty: of a plan that is not kept
}

type taskDoc struct {
	Entries []byte   `bson:"entries,omitempty"` // zstd of a dataflowpb.Task with entries only
	Count   int64    `bson:"count"`
	EndKey  string   `bson:"endKey"`
	Skipped []byte   `bson:"skipped,omitempty"` // report lines of what the walk skipped
	Added   counters `bson:"added"`             // what the task adds to the job when it is counted
}

// Lease states.
const (
	held = "held"
	free = "free" // given back
	done = "done"
)

type leaseDoc struct {
	State  string   `bson:"state"`
	Epoch  int64    `bson:"epoch"` // the winning attempt when done
	Owner  string   `bson:"owner,omitempty"`
	Deaths int      `bson:"deaths,omitempty"` // holders that vanished
	Beat   int64    `bson:"beat,omitempty"`
	Result counters `bson:"result"`
}

type reportDoc struct {
	Lines []byte `bson:"lines"`
}

func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func (p plan) proto() *dataflowpb.Plan {
	return &dataflowpb.Plan{
		Id: p.ID, Name: p.Name, Description: p.Description, Mode: p.Mode,
		Source:      &dataflowpb.Endpoint{Bucket: p.Source.Bucket, Backend: p.Source.Backend, Prefix: p.Source.Prefix},
		Destination: &dataflowpb.Endpoint{Bucket: p.Destination.Bucket, Backend: p.Destination.Backend, Prefix: p.Destination.Prefix},
		Filter: &dataflowpb.Filter{Prefix: p.Filter.Prefix, Include: p.Filter.Include, Exclude: p.Filter.Exclude, MinSize: p.Filter.MinSize,
			MaxSize: p.Filter.MaxSize, OlderThan: p.Filter.OlderThan, NewerThan: p.Filter.NewerThan},
		Options: &dataflowpb.PlanOptions{Overwrite: p.Options.Overwrite, Verify: p.Options.Verify, SwitchPlacement: p.Options.SwitchPlacement,
			ReleaseSource: p.Options.ReleaseSource, Concurrency: p.Options.Concurrency},
		PolicyId: p.PolicyID, PolicyEnabled: p.PolicyEnabled, CreateTime: stamp(p.Created), UpdateTime: stamp(p.Updated),
	}
}

// planOf takes what a caller may say; ids and times are the service's.
func planOf(p *dataflowpb.Plan) plan {
	f, o := p.GetFilter(), p.GetOptions()
	return plan{
		Name: p.GetName(), Description: p.GetDescription(), Mode: p.GetMode(),
		Source: endpointOf(p.GetSource()), Destination: endpointOf(p.GetDestination()),
		Filter: filter{Prefix: f.GetPrefix(), Include: f.GetInclude(), Exclude: f.GetExclude(), OlderThan: f.GetOlderThan(), NewerThan: f.GetNewerThan(),
			MinSize: optional(f.GetMinSize(), f != nil && f.MinSize != nil), MaxSize: optional(f.GetMaxSize(), f != nil && f.MaxSize != nil)},
		Options: planOptions{Overwrite: o.GetOverwrite(), Verify: o.GetVerify(), SwitchPlacement: optional(o.GetSwitchPlacement(), o != nil && o.SwitchPlacement != nil),
			ReleaseSource: o.GetReleaseSource(), Concurrency: o.GetConcurrency()},
		PolicyID: p.GetPolicyId(), PolicyEnabled: p.GetPolicyEnabled(),
	}
}

func endpointOf(e *dataflowpb.Endpoint) endpoint {
	return endpoint{Bucket: e.GetBucket(), Backend: e.GetBackend(), Prefix: e.GetPrefix()}
}

func optional[T any](v T, set bool) *T {
	if !set {
		return nil
	}
	return &v
}

func (c counters) proto() *dataflowpb.Counters {
	return &dataflowpb.Counters{TotalCount: c.Total, PassedCount: c.Passed, SkippedCount: c.Skipped, FailedCount: c.Failed,
		TotalBytes: c.TotalBytes, PassedBytes: c.PassedBytes, CopiedBytes: c.PassedBytes - c.SkippedBytes}
}

func countersOf(c *dataflowpb.Counters) counters {
	return counters{Passed: c.GetPassedCount(), Skipped: c.GetSkippedCount(), Failed: c.GetFailedCount(),
		PassedBytes: c.GetPassedBytes(), SkippedBytes: c.GetPassedBytes() - c.GetCopiedBytes()}
}
