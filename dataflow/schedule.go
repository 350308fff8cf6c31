package dataflow

import (
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // time zones must not depend on the machine

	"github.com/robfig/cron/v3"
)

const minEvery = time.Minute

// check refuses a policy whose schedule cannot be kept, naming the field.
func (p *policyDoc) check() error {
	if err := checkName(p.Name); err != nil {
		return err
	}
	if len(p.Description) > 4096 {
		return bad("description", "a description has at most 4096 bytes")
	}
	switch p.Type {
	case "cron":
		if p.Every != 0 {
			return bad("schedule.every", "a cron schedule has no interval")
		}
		if _, err := time.LoadLocation(p.Timezone); err != nil || p.Timezone == "Local" {
			return bad("schedule.timezone", "%q is no time zone of the IANA database", p.Timezone)
		}
		if n := len(strings.Fields(p.Cron)); n != 5 || strings.ContainsAny(p.Cron, "=@") {
			return bad("schedule.cron", "a cron schedule has five fields: minute, hour, day of month, month, day of week")
		}
		schedule, err := p.schedule()
		if err != nil {
			return bad("schedule.cron", "%q is no cron schedule", p.Cron)
		}
		if schedule.Next(time.Now()).IsZero() {
			return bad("schedule.cron", "%q never comes", p.Cron)
		}
	case "interval":
		if p.Cron != "" || p.Timezone != "" {
			return bad("schedule.cron", "an interval schedule has neither cron nor timezone")
		}
		if p.Every < minEvery {
			return bad("schedule.every", "an interval is at least 60s")
		}
		if p.Every > 10*365*24*time.Hour {
			return bad("schedule.every", "an interval is at most ten years")
		}
	default:
		return bad("schedule.type", "a schedule's type is cron or interval, not %s", strconv.Quote(p.Type))
	}
	return nil
}

func (p *policyDoc) schedule() (cron.Schedule, error) {
	if p.Type == "interval" {
		return interval(p.Every), nil
	}
	zone := p.Timezone
	if zone == "" {
		zone = "UTC"
	}
	return cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse("CRON_TZ=" + zone + " " + p.Cron)
}

type interval time.Duration

// Next implements cron.Schedule.
func (i interval) Next(t time.Time) time.Time { return t.Add(time.Duration(i)) }

// next is the first fire time of a plan that is not dealt with; zero when there is none. It may lie in the past: what was
// missed, however often, runs once.
func (p *policyDoc) next(d *planDoc) time.Time {
	if !d.Plan.PolicyEnabled {
		return time.Time{}
	}
	schedule, err := p.schedule()
	if err != nil {
		return time.Time{}
	}
	base := d.Fired
	if p.Scheduled.After(base) {
		base = p.Scheduled
	}
	return schedule.Next(base).UTC()
}

// dealt is up to when fire times count as dealt with once due ran at t.
func (p *policyDoc) dealt(due, t time.Time) time.Time {
	if schedule, err := p.schedule(); err == nil && schedule.Next(due).After(t) {
		return due
	}
	return t
}
