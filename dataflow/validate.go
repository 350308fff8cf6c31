package dataflow

import (
	"context"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/glob"
	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/catalogpb"
)

const (
	maxPatterns    = 100
	maxConcurrency = 256
)

// check refuses a plan that cannot run, naming the field as REST does, and fills defaults in. What the plan names must exist.
func (s *Service) check(ctx context.Context, p *plan) error {
	if len(p.Description) > 4096 {
		return bad("description", "a description has at most 4096 bytes")
	}
	switch p.Mode {
	case "copy", "move":
		if err := p.checkTransfer(); err != nil {
			return err
		}
	case "relocate":
		if err := p.checkRelocate(); err != nil {
			return err
		}
	case "sync", "verify", "replicate":
		return errs.Newf(errs.Unimplemented, "mode %q is not built yet", p.Mode).Because("mode")
	default:
		return bad("mode", "the mode is copy, move or relocate, not %s", strconv.Quote(p.Mode))
	}
	if err := p.checkOptions(); err != nil {
		return err
	}
	if err := p.Filter.check(time.Now()); err != nil {
		return err
	}
	if err := s.checkPolicy(ctx, p); err != nil {
		return err
	}
	return s.checkPlaces(ctx, p)
}

// side is one of the two ends of a plan under its name in REST.
type side struct {
	field string
	*endpoint
}

func (p *plan) sides() [2]side {
	return [2]side{{"source", &p.Source}, {"destination", &p.Destination}}
}

func (p *plan) checkTransfer() error {
	for _, side := range p.sides() {
		field, e := side.field, side.endpoint
		if (e.Bucket == "") == (e.Backend == "") {
			return bad(field, "the %s of a %s is either a bucket or a backend", field, p.Mode)
		}
		if err := checkPrefix(field+".prefix", e.Prefix); err != nil {
			return err
		}
	}
	if p.Source.Bucket == p.Destination.Bucket && p.Source.Backend == p.Destination.Backend &&
		(strings.HasPrefix(p.Source.Prefix, p.Destination.Prefix) || strings.HasPrefix(p.Destination.Prefix, p.Source.Prefix)) {
		return bad("destination", "the source and the destination overlap")
	}
	return nil
}

func (p *plan) checkRelocate() error {
	switch {
	case p.Source.Bucket == "":
		return bad("source.bucket", "a relocate needs the bucket whose objects it moves")
	case p.Destination.Backend == "":
		return bad("destination.backend", "a relocate needs the backend that the objects go to")
	case p.Destination.Bucket != "":
		return bad("destination.bucket", "a relocate leaves objects in their bucket; only destination.backend is given")
	case p.Destination.Prefix != "":
		return bad("destination.prefix", "a relocate leaves keys as they are; only destination.backend is given")
	case p.Source.Backend == p.Destination.Backend:
		return bad("destination.backend", "the source and the destination are the same backend")
	}
	return checkPrefix("source.prefix", p.Source.Prefix)
}

func checkPrefix(field, prefix string) error {
	if len(prefix) > 1024 || !utf8.ValidString(prefix) || strings.IndexByte(prefix, 0) >= 0 {
		return bad(field, "a prefix is UTF-8 of at most 1024 bytes without NUL")
	}
	return nil
}

func (p *plan) checkOptions() error {
	o := &p.Options
	relocate := p.Mode == "relocate"
	switch o.Overwrite {
	case "":
		if !relocate {
			o.Overwrite = "ifDifferent"
		}
	case "never", "ifDifferent", "ifNewer", "always":
		if relocate {
			return bad("options.overwrite", "a relocate overwrites nothing")
		}
	default:
		return bad("options.overwrite", "overwrite is never, ifDifferent, ifNewer or always")
	}
	switch o.Verify {
	case "":
		o.Verify = "checksum"
	case "checksum", "full":
	default:
		return bad("options.verify", "verify is checksum or full")
	}
	if o.SwitchPlacement != nil && !relocate {
		return bad("options.switchPlacement", "only a relocate switches placement")
	}
	if o.ReleaseSource && !relocate {
		return bad("options.releaseSource", "only a relocate releases originals")
	}
	if o.Concurrency < 0 || o.Concurrency > maxConcurrency {
		return bad("options.concurrency", "concurrency is 1 to %d, or 0 for the default", maxConcurrency)
	}
	return nil
}

func (f *filter) check(t time.Time) error {
	if err := checkPrefix("filter.prefix", f.Prefix); err != nil {
		return err
	}
	if err := checkPatterns("filter.include", f.Include); err != nil {
		return err
	}
	if err := checkPatterns("filter.exclude", f.Exclude); err != nil {
		return err
	}
	if f.MinSize != nil && *f.MinSize < 0 {
		return bad("filter.minSize", "a size is not negative")
	}
	if f.MaxSize != nil && (*f.MaxSize < 0 || f.MinSize != nil && *f.MaxSize < *f.MinSize) {
		return bad("filter.maxSize", "the largest size is not below the smallest")
	}
	if _, err := moment(f.OlderThan, t); err != nil {
		return bad("filter.olderThan", "%s", errs.Public(err))
	}
	if _, err := moment(f.NewerThan, t); err != nil {
		return bad("filter.newerThan", "%s", errs.Public(err))
	}
	return nil
}

func checkPatterns(field string, patterns []string) error {
	if len(patterns) > maxPatterns {
		return bad(field, "there are at most %d patterns", maxPatterns)
	}
	for _, pattern := range patterns {
		if err := glob.Check(pattern); err != nil {
			return bad(field, "%s", errs.Public(err))
		}
	}
	return nil
}

// fixed returns f with relative times counted back from t, so that a job means the same however long it runs.
func (f filter) fixed(t time.Time) filter {
	for _, field := range []*string{&f.OlderThan, &f.NewerThan} {
		if at, err := moment(*field, t); err == nil && !at.IsZero() {
			*field = at.UTC().Format(time.RFC3339Nano)
		}
	}
	return f
}

// moment reads RFC 3339, or a duration back from t such as 90s, 24h or 7d. Empty is the zero time.
func moment(text string, t time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return t.Add(-time.Duration(n) * 24 * time.Hour), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return t.Add(-d), nil
	}
	return time.Time{}, errs.Newf(errs.InvalidArgument, "%q is neither an RFC 3339 time nor a duration such as 90s, 24h or 7d", text)
}

// checkPolicy finds the policy and stores its id in the plan.
func (s *Service) checkPolicy(ctx context.Context, p *plan) error {
	if p.PolicyID == "" {
		if p.PolicyEnabled {
			return bad("policyId", "a plan whose policy is enabled names one")
		}
		return nil
	}
	policy, _, err := s.policy(ctx, p.PolicyID)
	if errs.Is(err, errs.NotFound) || err == nil && policy.Deleting {
		return bad("policyId", "there is no policy %q", p.PolicyID)
	}
	p.PolicyID = policy.ID
	return err
}

// checkPlaces asks the owners whether buckets and backends exist, and stores the names of backends that were given by id.
func (s *Service) checkPlaces(ctx context.Context, p *plan) error {
	for _, side := range p.sides() {
		field, e := side.field, side.endpoint
		if e.Bucket != "" {
			if err := s.bucketExists(ctx, field+".bucket", e.Bucket); err != nil {
				return err
			}
		}
		if e.Backend != "" {
			b, err := s.backends.Get(ctx, &backendpb.GetRequest{IdOrName: e.Backend})
			if errs.Is(err, errs.NotFound) {
				return bad(field+".backend", "there is no backend %q", e.Backend)
			}
			if err != nil {
				return err
			}
			if b.GetOptions()["readOnly"] == "true" && (field == "destination" || p.Mode == "move") {
				return bad(field+".backend", "backend %q is only read", b.GetName())
			}
			e.Backend = b.GetName()
		}
		if e.Bucket == "" {
			if err := s.foreignArea(ctx, field+".prefix", e.Prefix); err != nil {
				return err
			}
		}
	}
	switch p.Mode {
	case "relocate":
		return p.checkRelocate() // an id and a name may mean one backend
	case "copy", "move":
		return p.checkTransfer()
	}
	return nil
}

func (s *Service) bucketExists(ctx context.Context, field, name string) error {
	_, err := s.catalog.GetBucket(ctx, &catalogpb.GetBucketRequest{Name: name})
	if errs.Is(err, errs.NotFound) {
		return bad(field, "there is no bucket %q", name)
	}
	return err
}

// foreignArea refuses a raw prefix that lies where Gelato keeps blobs of a bucket, <bucket>/, or its marker.
func (s *Service) foreignArea(ctx context.Context, field, prefix string) error {
	if strings.HasPrefix(prefix, blob.Marker) {
		return bad(field, "%q is Gelato's own", blob.Marker)
	}
	first, _, inside := strings.Cut(prefix, "/")
	if !inside || first == "" {
		return nil
	}
	_, err := s.catalog.GetBucket(ctx, &catalogpb.GetBucketRequest{Name: first})
	switch {
	case err == nil:
		return bad(field, "the prefix lies where Gelato keeps the objects of bucket %q", first)
	case errs.Is(err, errs.NotFound) || errs.Is(err, errs.InvalidArgument):
		return nil
	}
	return err
}

// checkImport refuses an import that cannot run.
func (s *Service) checkImport(ctx context.Context, p *plan) error {
	switch {
	case p.Source.Backend == "":
		return bad("source.backend", "an import needs the backend that holds the objects")
	case p.Source.Bucket != "":
		return bad("source.bucket", "an import takes native objects, not a bucket's")
	case p.Destination.Bucket == "":
		return bad("destination.bucket", "an import needs the bucket that the objects become part of")
	case p.Destination.Backend != "":
		return bad("destination.backend", "an import copies nothing")
	}
	if err := checkPrefix("source.prefix", p.Source.Prefix); err != nil {
		return err
	}
	if err := checkPrefix("destination.prefix", p.Destination.Prefix); err != nil {
		return err
	}
	if err := p.Filter.check(time.Now()); err != nil {
		return err
	}
	return s.checkPlaces(ctx, p)
}
