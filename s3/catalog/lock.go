package catalog

import (
	"context"
	"fmt"
	"time"

	"github.com/opensds/gelato/internal/errs"
)

// The modes of retention: GOVERNANCE yields to those who may bypass it, COMPLIANCE to nobody.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html.
const (
	Governance = "GOVERNANCE"
	Compliance = "COMPLIANCE"
)

// Retention says until when a version must not be deleted. The zero Retention: no such time.
type Retention struct {
	Mode  string // Governance or Compliance
	Until time.Time
}

// DefaultRetention is what the versions of a bucket get that come without a retention of their own: for Days or Years from when they were made. The zero value: none.
type DefaultRetention struct {
	Mode        string
	Days, Years int // one of them is set
}

// retention of a version that is made at a time.
func (d DefaultRetention) retention(made time.Time) Retention {
	if d.Mode == "" {
		return Retention{}
	}
	return Retention{Mode: d.Mode, Until: made.UTC().AddDate(d.Years, 0, d.Days)}
}

func errLocked() error {
	return errs.Newf(errs.PermissionDenied, "Access Denied because object protected by object lock.").Because("AccessDenied")
}

// Change says whether a retention may become another one: it may grow; while it lasts, only who may bypass Governance may shorten or replace it, and nobody a Compliance.
func (r Retention) Change(to Retention, now time.Time, bypass bool) error {
	grows := to.Mode == r.Mode && !to.Until.Before(r.Until)
	if !r.Until.After(now) || grows || bypass && r.Mode == Governance {
		return nil
	}
	return errLocked()
}

// deletable says whether a version may be deleted for good: AccessDenied as long as it is locked. bypass is the permission to disregard Governance.
func (o *Object) deletable(now time.Time, bypass bool) error {
	if o.LegalHold || o.Retention.Until.After(now) && !(bypass && o.Retention.Mode == Governance) {
		return errLocked()
	}
	return nil
}

// retain gives a new version the default retention of its bucket, unless it has one of its own.
func (b *Bucket) retain(o *Object, made time.Time) {
	if b.ObjectLock && !o.DeleteMarker && o.Retention == (Retention{}) {
		o.Retention = b.DefaultRetention.retention(made)
	}
}

func errBucketState(text string) error {
	return errs.Newf(errs.FailedPrecondition, "%s", text).Because("InvalidBucketState")
}

// SetVersioning implements API.
func (c *Catalog) SetVersioning(ctx context.Context, of Bucket, state string) (Bucket, error) {
	b, err := c.change(ctx, of, func(b *Bucket) error {
		b.Versioning = state
		if b.ObjectLock && state != Enabled {
			return errBucketState("An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.")
		}
		return nil
	})
	if err != nil {
		return Bucket{}, fmt.Errorf("set versioning: %w", err)
	}
	return b, nil
}

// SetObjectLock implements API.
func (c *Catalog) SetObjectLock(ctx context.Context, of Bucket, d DefaultRetention) (Bucket, error) {
	b, err := c.change(ctx, of, func(b *Bucket) error {
		if b.Versioning != Enabled {
			return errBucketState("Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
		}
		b.ObjectLock, b.DefaultRetention = true, d
		return nil
	})
	if err != nil {
		return Bucket{}, fmt.Errorf("set object lock: %w", err)
	}
	return b, nil
}
