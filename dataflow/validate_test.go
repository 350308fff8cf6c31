package dataflow

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/dataflowpb"
)

func TestBadPlansAreRefusedByField(t *testing.T) {
	t.Parallel()
	c := client(t, service(t, memory(t), Options{}))
	relocate := &dataflowpb.Plan{Name: "p", Mode: "relocate", Source: &dataflowpb.Endpoint{Bucket: "photos"}, Destination: &dataflowpb.Endpoint{Backend: "b"}}
	for _, x := range []struct {
		field  string
		base   *dataflowpb.Plan
		change func(p *dataflowpb.Plan)
	}{
		{"name", copyPlan("p"), func(p *dataflowpb.Plan) { p.Name = "" }},
		{"name", copyPlan("p"), func(p *dataflowpb.Plan) { p.Name = "../x" }},
		{"name", copyPlan("p"), func(p *dataflowpb.Plan) { p.Name = newID(planKind) }},
		{"description", copyPlan("p"), func(p *dataflowpb.Plan) { p.Description = strings.Repeat("x", 5000) }},
		{"mode", copyPlan("p"), func(p *dataflowpb.Plan) { p.Mode = "" }},
		{"mode", copyPlan("p"), func(p *dataflowpb.Plan) { p.Mode = "import" }},
		{"source", copyPlan("p"), func(p *dataflowpb.Plan) { p.Source = nil }},
		{"source", copyPlan("p"), func(p *dataflowpb.Plan) { p.Source.Backend = "a" }},
		{"destination", copyPlan("p"), func(p *dataflowpb.Plan) { p.Destination = &dataflowpb.Endpoint{Prefix: "x"} }},
		{"source.bucket", copyPlan("p"), func(p *dataflowpb.Plan) { p.Source.Bucket = "nowhere" }},
		{"destination.backend", copyPlan("p"), func(p *dataflowpb.Plan) { p.Destination.Backend = "nowhere" }},
		{"destination.backend", copyPlan("p"), func(p *dataflowpb.Plan) { p.Destination.Backend = "archive" }},
		{"source.backend", copyPlan("p"), func(p *dataflowpb.Plan) { p.Mode, p.Source = "move", &dataflowpb.Endpoint{Backend: "archive"} }},
		{"source.prefix", copyPlan("p"), func(p *dataflowpb.Plan) { p.Source.Prefix = "a\x00b" }},
		{"destination.prefix", copyPlan("p"), func(p *dataflowpb.Plan) { p.Destination.Prefix = "photos/x" }},
		{"destination.prefix", copyPlan("p"), func(p *dataflowpb.Plan) { p.Destination.Prefix = ".gelato-backend" }},
		{"destination", copyPlan("p"), func(p *dataflowpb.Plan) { p.Destination = &dataflowpb.Endpoint{Bucket: "photos"} }},
		{"destination", copyPlan("p"), func(p *dataflowpb.Plan) {
			p.Source.Prefix, p.Destination = "x/", &dataflowpb.Endpoint{Bucket: "photos", Prefix: "x/y/"}
		}},
		{"destination", copyPlan("p"), func(p *dataflowpb.Plan) { p.Source = &dataflowpb.Endpoint{Backend: "1"} }},
		{"options.overwrite", copyPlan("p"), func(p *dataflowpb.Plan) { p.Options = &dataflowpb.PlanOptions{Overwrite: "maybe"} }},
		{"options.verify", copyPlan("p"), func(p *dataflowpb.Plan) { p.Options = &dataflowpb.PlanOptions{Verify: "no"} }},
		{"options.concurrency", copyPlan("p"), func(p *dataflowpb.Plan) { p.Options = &dataflowpb.PlanOptions{Concurrency: -1} }},
		{"options.switchPlacement", copyPlan("p"), func(p *dataflowpb.Plan) { p.Options = &dataflowpb.PlanOptions{SwitchPlacement: proto.Bool(true)} }},
		{"options.releaseSource", copyPlan("p"), func(p *dataflowpb.Plan) { p.Options = &dataflowpb.PlanOptions{ReleaseSource: true} }},
		{"filter.include", copyPlan("p"), func(p *dataflowpb.Plan) { p.Filter = &dataflowpb.Filter{Include: []string{"[x"}} }},
		{"filter.exclude", copyPlan("p"), func(p *dataflowpb.Plan) { p.Filter = &dataflowpb.Filter{Exclude: make([]string, 101)} }},
		{"filter.minSize", copyPlan("p"), func(p *dataflowpb.Plan) { p.Filter = &dataflowpb.Filter{MinSize: proto.Int64(-1)} }},
		{"filter.maxSize", copyPlan("p"), func(p *dataflowpb.Plan) {
			p.Filter = &dataflowpb.Filter{MinSize: proto.Int64(2), MaxSize: proto.Int64(1)}
		}},
		{"filter.olderThan", copyPlan("p"), func(p *dataflowpb.Plan) { p.Filter = &dataflowpb.Filter{OlderThan: "yesterday"} }},
		{"filter.newerThan", copyPlan("p"), func(p *dataflowpb.Plan) { p.Filter = &dataflowpb.Filter{NewerThan: "-5s"} }},
		{"policyId", copyPlan("p"), func(p *dataflowpb.Plan) { p.PolicyId = "nowhere" }},
		{"policyId", copyPlan("p"), func(p *dataflowpb.Plan) { p.PolicyEnabled = true }},
		{"source.bucket", relocate, func(p *dataflowpb.Plan) { p.Source = &dataflowpb.Endpoint{Backend: "a"} }},
		{"destination.backend", relocate, func(p *dataflowpb.Plan) { p.Destination = nil }},
		{"destination.backend", relocate, func(p *dataflowpb.Plan) { p.Source.Backend = "b" }},
		{"destination.backend", relocate, func(p *dataflowpb.Plan) { p.Source.Backend, p.Destination.Backend = "b", "2" }},
		{"destination.bucket", relocate, func(p *dataflowpb.Plan) { p.Destination.Bucket = "archive" }},
		{"destination.prefix", relocate, func(p *dataflowpb.Plan) { p.Destination.Prefix = "x" }},
		{"options.overwrite", relocate, func(p *dataflowpb.Plan) { p.Options = &dataflowpb.PlanOptions{Overwrite: "always"} }},
	} {
		p := proto.CloneOf(x.base)
		x.change(p)
		_, err := c.CreatePlan(t.Context(), p)
		if !errs.Is(err, errs.InvalidArgument) || errs.ReasonOf(err) != x.field {
			t.Errorf("%s %v: got %v (%q), want InvalidArgument of %q", p.Mode, p, err, errs.ReasonOf(err), x.field)
		}
	}
	sync := copyPlan("p")
	sync.Mode = "sync"
	_, err := c.CreatePlan(t.Context(), sync)
	refused(t, err, errs.Unimplemented, "mode")
	if all := must[*dataflowpb.Plans](t)(c.ListPlans(t.Context(), &dataflowpb.Page{Limit: 10})); len(all.Plans) != 0 {
		t.Errorf("refused plans left %v", all.Plans)
	}
	// And what is near the limits is accepted.
	good := copyPlan("near limits")
	good.Destination.Prefix = "photosx/"
	good.Filter = &dataflowpb.Filter{OlderThan: "7d", NewerThan: "2020-01-01T00:00:00Z", MinSize: proto.Int64(0), MaxSize: proto.Int64(0), Include: []string{"*.jpg"}}
	fromArchive := copyPlan("only read")
	fromArchive.Source = &dataflowpb.Endpoint{Backend: "archive"}
	must[*dataflowpb.Plan](t)(c.CreatePlan(t.Context(), fromArchive))
	p := must[*dataflowpb.Plan](t)(c.CreatePlan(t.Context(), good))
	if p.Options.Overwrite != "ifDifferent" || p.Options.Verify != "checksum" {
		t.Errorf("defaults are %v", p.Options)
	}
}

func TestBadPoliciesAreRefusedByField(t *testing.T) {
	t.Parallel()
	c := client(t, service(t, memory(t), Options{}))
	for _, x := range []struct {
		field string
		p     *dataflowpb.Policy
	}{
		{"name", &dataflowpb.Policy{ScheduleType: "interval", EverySeconds: 60}},
		{"schedule.type", &dataflowpb.Policy{Name: "p"}},
		{"schedule.cron", &dataflowpb.Policy{Name: "p", ScheduleType: "cron"}},
		{"schedule.cron", &dataflowpb.Policy{Name: "p", ScheduleType: "cron", Cron: "* * * *"}},
		{"schedule.cron", &dataflowpb.Policy{Name: "p", ScheduleType: "cron", Cron: "* * * * * *"}},
		{"schedule.cron", &dataflowpb.Policy{Name: "p", ScheduleType: "cron", Cron: "61 * * * *"}},
		{"schedule.cron", &dataflowpb.Policy{Name: "p", ScheduleType: "cron", Cron: "@daily"}},
		{"schedule.cron", &dataflowpb.Policy{Name: "p", ScheduleType: "cron", Cron: "TZ=x"}},
		{"schedule.cron", &dataflowpb.Policy{Name: "p", ScheduleType: "cron", Cron: "CRON_TZ=UTC * * * *"}},
		{"schedule.cron", &dataflowpb.Policy{Name: "p", ScheduleType: "cron", Cron: "0 0 30 2 *"}},
		{"schedule.timezone", &dataflowpb.Policy{Name: "p", ScheduleType: "cron", Cron: "0 3 * * *", Timezone: "Mars/Olympus"}},
		{"schedule.timezone", &dataflowpb.Policy{Name: "p", ScheduleType: "cron", Cron: "0 3 * * *", Timezone: "Local"}},
		{"schedule.every", &dataflowpb.Policy{Name: "p", ScheduleType: "interval", EverySeconds: 59}},
		{"schedule.every", &dataflowpb.Policy{Name: "p", ScheduleType: "interval", EverySeconds: 1 << 60}},
		{"schedule.cron", &dataflowpb.Policy{Name: "p", ScheduleType: "interval", EverySeconds: 60, Cron: "* * * * *"}},
	} {
		_, err := c.CreatePolicy(t.Context(), x.p)
		refused(t, err, errs.InvalidArgument, x.field)
	}
}

func TestNextFireTimes(t *testing.T) {
	t.Parallel()
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	berlin := policyDoc{Type: "cron", Cron: "30 2 * * *", Timezone: "Europe/Berlin"}
	daily := policyDoc{Type: "cron", Cron: "0 9 * * *"}
	for _, x := range []struct {
		name        string
		p           policyDoc
		fired, want string
	}{
		{"utc by default", daily, "2026-01-01T09:00:00Z", "2026-01-02T09:00:00Z"},
		{"zone", berlin, "2026-01-01T09:00:00Z", "2026-01-02T01:30:00Z"},
		{"summer time", berlin, "2026-07-01T09:00:00Z", "2026-07-02T00:30:00Z"},
		{"schedule changed later than the last fire", policyDoc{Type: "cron", Cron: "0 9 * * *", Scheduled: at("2026-01-05T12:00:00Z")}, "2026-01-01T09:00:00Z", "2026-01-06T09:00:00Z"},
		{"interval", policyDoc{Type: "interval", Every: 90 * time.Second}, "2026-01-01T09:00:00Z", "2026-01-01T09:01:30Z"},
	} {
		got := x.p.next(&planDoc{Plan: plan{PolicyEnabled: true}, Fired: at(x.fired)})
		if !got.Equal(at(x.want)) {
			t.Errorf("%s: got %v, want %v", x.name, got, x.want)
		}
	}
	if got := daily.next(&planDoc{}); !got.IsZero() {
		t.Errorf("a plan whose policy is not enabled fires at %v", got)
	}
	if got := daily.dealt(at("2026-01-01T09:00:00Z"), at("2026-01-01T09:00:01Z")); !got.Equal(at("2026-01-01T09:00:00Z")) {
		t.Errorf("a run in time deals with %v", got)
	}
	if got := daily.dealt(at("2026-01-01T09:00:00Z"), at("2026-01-09T10:00:00Z")); !got.Equal(at("2026-01-09T10:00:00Z")) {
		t.Errorf("a run after a long sleep deals with times up to %v only", got)
	}
}
