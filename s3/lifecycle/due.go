package lifecycle

import (
	"strings"
	"time"

	"github.com/opensds/gelato/s3/tagging"
)

// Object is what rules look at.
type Object struct {
	Key      string
	Size     int64 // bytes
	Tags     tagging.Set
	Modified time.Time
}

// Expires tells when the rules have the current version of an object expire first, and by which rule. ok is false when they never do.
func (c *Config) Expires(o Object) (at time.Time, rule string, ok bool) {
	for i := range c.Rules {
		r := &c.Rules[i]
		if r.Status != enabled || r.Expiration == nil || r.Expiration.DeleteMarker != nil || !r.conditions().fit(o) {
			continue
		}
		due := time.Time{}
		if r.Expiration.Date != nil {
			due = r.Expiration.Date.Time
		} else {
			due = after(o.Modified, *r.Expiration.Days)
		}
		if !ok || due.Before(at) {
			at, rule, ok = due, r.ID, true
		}
	}
	return at, rule, ok
}

// Aborts tells when the rules have an upload of a key aborted first, and by which rule. ok is false when they never do.
func (c *Config) Aborts(key string, begun time.Time) (at time.Time, rule string, ok bool) {
	for i := range c.Rules {
		r := &c.Rules[i]
		if r.Status != enabled || r.AbortUploads == nil || !strings.HasPrefix(key, r.conditions().prefix) {
			continue
		}
		if due := after(begun, *r.AbortUploads.Days); !ok || due.Before(at) {
			at, rule, ok = due, r.ID, true
		}
	}
	return at, rule, ok
}

// after adds days and goes on to the next midnight, as S3 counts.
func after(t time.Time, days int32) time.Time {
	const day = 24 * time.Hour
	return t.UTC().Truncate(day).AddDate(0, 0, int(days)+1)
}

// conditions are those of a rule, in whichever form it has them.
type conditions struct {
	hasPrefix             bool
	prefix                string
	tags                  []tagging.Tag
	greaterThan, lessThan *int64
}

func (r *Rule) conditions() conditions {
	var c conditions
	prefix := r.Prefix
	if f := r.Filter; f != nil {
		prefix, c.greaterThan, c.lessThan = f.Prefix, f.GreaterThan, f.LessThan
		if f.Tag != nil {
			c.tags = []tagging.Tag{*f.Tag}
		}
		if a := f.And; a != nil {
			prefix, c.tags, c.greaterThan, c.lessThan = a.Prefix, a.Tags, a.GreaterThan, a.LessThan
		}
	}
	if prefix != nil {
		c.hasPrefix, c.prefix = true, *prefix
	}
	return c
}

func (c conditions) fit(o Object) bool {
	if !strings.HasPrefix(o.Key, c.prefix) || c.greaterThan != nil && o.Size <= *c.greaterThan || c.lessThan != nil && o.Size >= *c.lessThan {
		return false
	}
	for _, t := range c.tags {
		if value, ok := o.Tags[*t.Key]; !ok || value != *t.Value {
			return false
		}
	}
	return true
}
