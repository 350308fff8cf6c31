package accesslog

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
	"time"
)

// eventTime is the PartitionDateSource that sorts records by their own day.
const eventTime = "EventTime"

// Target says which bucket log objects go to, and how they are named.
type Target struct {
	Bucket, Prefix string
	Partitioned    bool // PartitionedPrefix
	ByEvent        bool // the days are those of the requests, and not that of the delivery
}

// Route says whose records they are and where they go.
type Route struct {
	Source string // the bucket
	Owner  string // its owner's canonical id
	// Account and Region are shown in partitioned names.
	Account, Region string
	Target          Target
}

// name draws the name of an object that is delivered now with the records of a day.
func (r Route) name(now, day time.Time) string {
	now = now.UTC()
	var unique [8]byte
	rand.Read(unique[:]) // never fails
	last := strings.ToUpper(hex.EncodeToString(unique[:]))
	if !r.Target.Partitioned {
		return r.Target.Prefix + now.Format("2006-01-02-15-04-05-") + last
	}
	if r.Target.ByEvent {
		now = day
	}
	return r.Target.Prefix + r.Account + "/" + r.Region + "/" + r.Source + now.Format("/2006/01/02/2006-01-02-15-04-05-") + last
}

// day is the day of a request, where objects are sorted by it; else none.
func (t Target) day(at time.Time) time.Time {
	if !t.ByEvent {
		return time.Time{}
	}
	return at.UTC().Truncate(24 * time.Hour)
}
