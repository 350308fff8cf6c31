package lifecycle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/schema"
	"github.com/opensds/gelato/s3/tagging"
)

const (
	maxRules  = 1000
	maxID     = 255
	maxPrefix = 1024
	maxSize   = 1000 << 40 // bytes that a filter can speak of
	minDaysIA = 30         // before a transition to infrequent access
	maxNewer  = 100
)

// check finds the first fault: the number of rules and their ids, each rule by itself, then rules together.
func (c *Config) check(class func(string) bool) error {
	switch {
	case len(c.Rules) == 0:
		return schema.Malformed(nil)
	case len(c.Rules) > maxRules:
		return invalidRequest("The number of lifecycle rules must not exceed the allowed limit of 1000 rules.")
	}
	ids := map[string]bool{}
	for _, r := range c.Rules {
		if utf8.RuneCountInString(r.ID) > maxID {
			return invalidArgument("ID length should not exceed allowed limit of 255")
		}
		if r.ID != "" && ids[r.ID] {
			return invalidArgument("Rule ID must be unique. Found same ID for more than one rule")
		}
		ids[r.ID] = true
	}
	filtered := c.Rules[0].Filter != nil // what S3 calls Lifecycle V2
	for i := range c.Rules {
		if err := c.Rules[i].check(filtered, class); err != nil {
			return err
		}
	}
	if !filtered {
		return c.overlapping()
	}
	return nil
}

func (r *Rule) check(filtered bool, class func(string) bool) error {
	if r.Status != enabled && r.Status != disabled || r.Prefix == nil && r.Filter == nil {
		return schema.Malformed(nil)
	}
	switch {
	case filtered && r.Prefix != nil:
		return invalidRequest("Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the Filter.")
	case !filtered && r.Filter != nil:
		return invalidRequest("Filter element can only be used in Lifecycle V2.")
	}
	if err := r.conditions().check(r.Filter); err != nil {
		return err
	}
	if r.Expiration == nil && r.Transitions == nil && r.NoncurrentExpiration == nil && r.NoncurrentTransitions == nil && r.AbortUploads == nil {
		return invalidRequest("At least one action needs to be specified in a rule")
	}
	if err := r.checkExpiration(); err != nil {
		return err
	}
	if err := r.checkTransitions(class); err != nil {
		return err
	}
	if err := r.checkNoncurrent(filtered, class); err != nil {
		return err
	}
	return r.checkAbort()
}

// check judges the conditions of a filter, which is nil in the old form.
func (c conditions) check(f *Filter) error {
	if f != nil {
		direct := 0
		for _, set := range [...]bool{f.Prefix != nil, f.Tag != nil, f.GreaterThan != nil, f.LessThan != nil, f.And != nil} {
			if set {
				direct++
			}
		}
		all := len(c.tags)
		for _, set := range [...]bool{c.hasPrefix, c.greaterThan != nil, c.lessThan != nil} {
			if set {
				all++
			}
		}
		if direct > 1 || f.And != nil && all < 2 {
			return schema.Malformed(nil)
		}
	}
	if len(c.prefix) > maxPrefix {
		return invalidRequest("The maximum size of a prefix is 1024")
	}
	if len(c.tags) > int(tagging.Object) {
		return invalidRequest("A filter cannot have more than 10 tags.")
	}
	keys := map[string]bool{}
	for _, t := range c.tags {
		if t.Key == nil || t.Value == nil || *t.Key == "" {
			return schema.Malformed(nil)
		}
		if keys[*t.Key] {
			return invalidRequest("Duplicate Tag Keys are not allowed.")
		}
		keys[*t.Key] = true
	}
	switch {
	case c.greaterThan != nil && (*c.greaterThan < 0 || *c.greaterThan > maxSize):
		return invalidRequest("'ObjectSizeGreaterThan' should be between 0 and 1099511627776000.")
	case c.lessThan != nil && (*c.lessThan < 1 || *c.lessThan > maxSize):
		return invalidRequest("'ObjectSizeLessThan' should be between 1 and 1099511627776000.")
	case c.greaterThan != nil && c.lessThan != nil && *c.lessThan <= *c.greaterThan:
		return invalidRequest("'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.")
	}
	return nil
}

func (r *Rule) checkExpiration() error {
	e := r.Expiration
	if e == nil {
		return nil
	}
	switch {
	case e.Days != nil && e.Date == nil && e.DeleteMarker == nil:
		if *e.Days <= 0 {
			return invalidArgument("'Days' for Expiration action must be a positive integer")
		}
	case e.Days == nil && e.Date != nil && e.DeleteMarker == nil:
		return e.Date.check()
	case e.Days == nil && e.Date == nil && e.DeleteMarker != nil:
		c := r.conditions()
		if len(c.tags) > 0 {
			return invalidRequest("ExpiredObjectDeleteMarker cannot be specified with Tags.")
		}
		if c.greaterThan != nil || c.lessThan != nil {
			return invalidRequest("ExpiredObjectDeleteMarker cannot be specified with Object Size.")
		}
	default:
		return schema.Malformed(nil)
	}
	return nil
}

func (d *Date) check() error {
	if d.Hour() != 0 || d.Minute() != 0 || d.Second() != 0 || d.Nanosecond() != 0 {
		return invalidArgument("'Date' must be at midnight GMT")
	}
	return nil
}

// colder are S3's storage classes, each after those from which objects can get there.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html.
func colder() []string {
	return []string{"STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"}
}

// step is a transition, whichever its unit.
type step struct {
	class string
	at    int64 // days, or seconds of a date
}

func (r *Rule) checkTransitions(class func(string) bool) error {
	days, dates := false, false
	var steps []step
	for _, t := range r.Transitions {
		if (t.Days == nil) == (t.Date == nil) || !known(t.StorageClass, class) {
			return schema.Malformed(nil)
		}
		if t.Date != nil {
			dates = true
			if err := t.Date.check(); err != nil {
				return err
			}
			steps = append(steps, step{t.StorageClass, t.Date.Unix()})
			continue
		}
		days = true
		if *t.Days < 0 {
			return invalidArgument("'Days' in Transition action must be nonnegative")
		}
		if *t.Days < minDaysIA && infrequent(t.StorageClass) {
			return invalidArgument("'Days' in Transition action must be greater than or equal to 30 for storageClass '%s'", t.StorageClass)
		}
		steps = append(steps, step{t.StorageClass, int64(*t.Days)})
	}
	if days && dates {
		return invalidRequest("Found mixed 'Date' and 'Days' based Transition actions in lifecycle rule for %s", r.shown())
	}
	unit := "Days"
	if dates {
		unit = "Date"
	}
	if err := r.order(steps, "Transition", unit); err != nil || len(steps) == 0 || r.Expiration == nil {
		return err
	}
	last := slices.MaxFunc(steps, func(a, b step) int { return cmp.Compare(a.at, b.at) }).at
	switch e := r.Expiration; {
	case e.Days != nil && dates || e.Date != nil && days:
		return invalidRequest("Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule for %s", r.shown())
	case e.Days != nil && int64(*e.Days) <= last, e.Date != nil && e.Date.Unix() <= last:
		return invalidArgument("'%[1]s' in the Expiration action for %[2]s must be greater than '%[1]s' in the Transition action", unit, r.shown())
	}
	return nil
}

func (r *Rule) checkNoncurrent(filtered bool, class func(string) bool) error {
	var steps []step
	for _, t := range r.NoncurrentTransitions {
		if t.Days == nil || !known(t.StorageClass, class) {
			return schema.Malformed(nil)
		}
		if *t.Days < 0 {
			return invalidArgument("'NoncurrentDays' in NoncurrentVersionTransition action must be nonnegative")
		}
		if *t.Days < minDaysIA && infrequent(t.StorageClass) {
			return invalidArgument("'NoncurrentDays' in NoncurrentVersionTransition action must be greater than or equal to 30 for storageClass '%s'", t.StorageClass)
		}
		if err := checkNewer(t.Newer, filtered); err != nil {
			return err
		}
		steps = append(steps, step{t.StorageClass, int64(*t.Days)})
	}
	if err := r.order(steps, "NoncurrentVersionTransition", "NoncurrentDays"); err != nil || r.NoncurrentExpiration == nil {
		return err
	}
	e := r.NoncurrentExpiration
	if e.Days == nil {
		return schema.Malformed(nil)
	}
	if *e.Days <= 0 {
		return invalidArgument("'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer")
	}
	for _, s := range steps {
		if int64(*e.Days) <= s.at {
			return invalidArgument("'NoncurrentDays' in the NoncurrentVersionExpiration action for %s must be greater than 'NoncurrentDays' in the NoncurrentVersionTransition action", r.shown())
		}
	}
	return checkNewer(e.Newer, filtered)
}

func checkNewer(n *int32, filtered bool) error {
	switch {
	case n == nil:
		return nil
	case !filtered:
		return invalidRequest("NewerNoncurrentVersions element can only be used in Lifecycle V2.")
	case *n < 1 || *n > maxNewer:
		return invalidArgument("'NewerNoncurrentVersions' must be an integer between 1 and 100")
	}
	return nil
}

// order refuses a class twice, and a colder class before a warmer one.
func (r *Rule) order(steps []step, action, unit string) error {
	for i, a := range steps {
		for _, b := range steps[:i] {
			warm, cold := b, a
			if slices.Index(colder(), a.class) < slices.Index(colder(), b.class) {
				warm, cold = a, b
			}
			switch {
			case a.class == b.class:
				return invalidRequest("'StorageClass' must be different for '%s' actions in same 'Rule' with %s", action, r.shown())
			case slices.Contains(colder(), warm.class) && cold.at <= warm.at:
				return invalidArgument("'%[1]s' in the '%[2]s' action for StorageClass '%[3]s' for %[5]s must be greater than '%[1]s' in the '%[2]s' action for StorageClass '%[4]s' for %[5]s",
					unit, action, cold.class, warm.class, r.shown())
			}
		}
	}
	return nil
}

func (r *Rule) checkAbort() error {
	if r.AbortUploads == nil {
		return nil
	}
	c := r.conditions()
	switch {
	case r.AbortUploads.Days == nil:
		return schema.Malformed(nil)
	case *r.AbortUploads.Days <= 0:
		return invalidArgument("'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer")
	case len(c.tags) > 0:
		return invalidRequest("AbortIncompleteMultipartUpload cannot be specified with Tags.")
	case c.greaterThan != nil || c.lessThan != nil:
		return invalidRequest("AbortIncompleteMultipartUpload cannot be specified with Object Size.")
	}
	return nil
}

// overlapping refuses, in the old form, two rules of which one's prefix begins the other's and that do the same.
func (c *Config) overlapping() error {
	for _, a := range [...]struct {
		name  string
		takes func(*Rule) bool
	}{
		{"Expiration", func(r *Rule) bool { return r.Expiration != nil }},
		{"Transition", func(r *Rule) bool { return r.Transitions != nil }},
		{"NoncurrentVersionTransition", func(r *Rule) bool { return r.NoncurrentTransitions != nil }},
		{"NoncurrentVersionExpiration", func(r *Rule) bool { return r.NoncurrentExpiration != nil }},
		{"AbortIncompleteMultipartUpload", func(r *Rule) bool { return r.AbortUploads != nil }},
	} {
		var prefixes []string
		for i := range c.Rules {
			if a.takes(&c.Rules[i]) {
				prefixes = append(prefixes, *c.Rules[i].Prefix)
			}
		}
		slices.Sort(prefixes) // a prefix that begins another one begins its neighbour
		for i := 1; i < len(prefixes); i++ {
			if strings.HasPrefix(prefixes[i], prefixes[i-1]) {
				return invalidRequest("Found overlapping prefixes '%s' and '%s' for same action type '%s'", prefixes[i-1], prefixes[i], a.name)
			}
		}
	}
	return nil
}

func known(class string, more func(string) bool) bool {
	return slices.Contains(colder(), class) || class != "" && class != "STANDARD" && more(class)
}

func infrequent(class string) bool { return class == "STANDARD_IA" || class == "ONEZONE_IA" }

// shown names a rule in an error as S3 does.
func (r *Rule) shown() string {
	if r.Prefix != nil {
		return "prefix '" + *r.Prefix + "'"
	}
	if c := r.conditions(); c.hasPrefix || r.Filter.And == nil && r.Filter.Tag == nil {
		return "filter '(prefix=" + c.prefix + ")'"
	}
	return "filter '()'"
}

func invalidRequest(format string, args ...any) error {
	return errs.New(errs.InvalidArgument, fmt.Sprintf(format, args...), nil).Because("InvalidRequest")
}

func invalidArgument(format string, args ...any) error {
	return errs.New(errs.InvalidArgument, fmt.Sprintf(format, args...), nil).Because("InvalidArgument")
}
