package notify

import (
	"strings"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/schema"
)

const (
	maxRules = 100
	maxID    = 255  // bytes
	maxValue = 1024 // bytes of a prefix or a suffix
)

// known are the events of S3 that a configuration may ask for. Some of them never happen here, as README says.
var events = [...]string{
	"s3:ReducedRedundancyLostObject",
	"s3:ObjectCreated:*", "s3:ObjectCreated:Put", "s3:ObjectCreated:Post", "s3:ObjectCreated:Copy", "s3:ObjectCreated:CompleteMultipartUpload",
	"s3:ObjectRemoved:*", "s3:ObjectRemoved:Delete", "s3:ObjectRemoved:DeleteMarkerCreated",
	"s3:ObjectRestore:*", "s3:ObjectRestore:Post", "s3:ObjectRestore:Completed", "s3:ObjectRestore:Delete",
	"s3:Replication:*", "s3:Replication:OperationFailedReplication", "s3:Replication:OperationNotTracked",
	"s3:Replication:OperationMissedThreshold", "s3:Replication:OperationReplicatedAfterThreshold",
	"s3:LifecycleTransition", "s3:IntelligentTiering", "s3:ObjectAcl:Put",
	"s3:LifecycleExpiration:*", "s3:LifecycleExpiration:Delete", "s3:LifecycleExpiration:DeleteMarkerCreated",
	"s3:ObjectTagging:*", "s3:ObjectTagging:Put", "s3:ObjectTagging:Delete",
}

func (c *Config) check(region string, known func(string) bool) error {
	kinds := []struct{ service, name string }{}
	for range c.Topics {
		kinds = append(kinds, struct{ service, name string }{"sns", ""})
	}
	for range c.Queues {
		kinds = append(kinds, struct{ service, name string }{"sqs", ""})
	}
	for range c.Functions {
		kinds = append(kinds, struct{ service, name string }{"lambda", "function:"})
	}
	rules := c.rules()
	if len(rules) > maxRules {
		return invalid("The number of notification configurations should not exceed the allowed limit of 100.")
	}
	ids := map[string]bool{}
	for i, r := range rules {
		if err := r.check(); err != nil {
			return err
		}
		if ids[r.ID] {
			return invalid("Same ID used for multiple configurations. IDs must be unique.")
		}
		ids[r.ID] = true
		if err := checkARN(r.ARN, kinds[i].service, kinds[i].name, region); err != nil {
			return err
		}
	}
	for i, r := range rules {
		for _, other := range rules[:i] {
			if err := overlap(other, r); err != nil {
				return err
			}
		}
	}
	for _, r := range rules {
		if !known(r.Target()) {
			return Unreachable(nil)
		}
	}
	return nil
}

func (r Rule) check() error {
	if len(r.Events) == 0 || r.ARN == "" {
		return schema.Malformed(nil)
	}
	if len(r.ID) > maxID {
		return invalid("The ID is longer than the allowed limit of 255.")
	}
	for _, e := range r.Events {
		if !supported(e) {
			return invalid("The event is not supported for notifications")
		}
	}
	if r.Filter == nil || r.Filter.Key == nil {
		return nil
	}
	seen := map[string]bool{}
	for _, f := range r.Filter.Key.Rules {
		name := strings.ToLower(f.Name)
		switch {
		case name != "prefix" && name != "suffix":
			return invalid("filter rule name must be either prefix or suffix")
		case seen[name]:
			return invalid("Cannot specify more than one " + name + " rule in a filter.")
		case len(f.Value) > maxValue:
			return invalid("Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation")
		}
		seen[name] = true
	}
	return nil
}

func supported(event string) bool {
	for _, e := range events {
		if e == event {
			return true
		}
	}
	return false
}

// checkARN wants arn:aws:<service>:<region>:<account>:<name>. The region is this gateway's, or left out; the account says nothing.
func checkARN(arn, service, name, region string) error {
	p := strings.SplitN(arn, ":", 6)
	if len(p) != 6 || p[0] != "arn" || !strings.HasPrefix(p[1], "aws") || p[2] != service || !strings.HasPrefix(p[5], name) {
		return invalid("A specified destination ARN does not exist or is not well-formed. Verify the destination ARN.")
	}
	if last := p[5][len(name):]; last == "" || strings.Contains(last, ":") {
		return invalid("A specified destination ARN does not exist or is not well-formed. Verify the destination ARN.")
	}
	if p[3] != "" && p[3] != region {
		return invalid("A specified destination is in a different region than the bucket. You must use a destination that resides in the same region as the bucket.")
	}
	return nil
}

// overlap refuses two rules that some event of some key would fit.
func overlap(a, b Rule) error {
	if !common(a, b) {
		return nil
	}
	aPrefix, aSuffix := a.filter()
	bPrefix, bSuffix := b.filter()
	if !strings.HasPrefix(aPrefix, bPrefix) && !strings.HasPrefix(bPrefix, aPrefix) || !strings.HasSuffix(aSuffix, bSuffix) && !strings.HasSuffix(bSuffix, aSuffix) {
		return nil
	}
	if aPrefix+aSuffix+bPrefix+bSuffix == "" {
		return invalid("Configurations overlap. Configurations on the same bucket cannot share a common event type.")
	}
	return invalid("Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are overlapping for the same event type.")
}

func common(a, b Rule) bool {
	for _, e := range a.Events {
		if b.wants(strings.TrimPrefix(e, "s3:")) {
			return true
		}
	}
	for _, e := range b.Events {
		if a.wants(strings.TrimPrefix(e, "s3:")) {
			return true
		}
	}
	return false
}

// Unreachable is the refusal of a configuration whose target is not known, or does not take a test event.
func Unreachable(cause error) error {
	return errs.New(errs.InvalidArgument, "Unable to validate the following destination configurations", cause).Because("InvalidArgument")
}

func invalid(message string) error {
	return errs.New(errs.InvalidArgument, message, nil).Because("InvalidArgument")
}
