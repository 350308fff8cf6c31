package s3

import (
	"context"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/userid"
	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/notify"
)

const (
	settingNotification = catalog.NotificationSetting
	testLimit           = 10 * time.Second // for all test events of a configuration
)

// notificationOf is the notification configuration of a bucket, nil when it has none.
func (s *Service) notificationOf(ctx context.Context, b catalog.Bucket) (*notify.Config, error) {
	return settingOf(ctx, s, b, settingNotification, notify.Stored)
}

// eventOf is the event of an operation, empty for none. Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html.
func eventOf(operation string) string {
	switch operation {
	case "PutObject":
		return "ObjectCreated:Put"
	case "PostObject":
		return "ObjectCreated:Post"
	case "CopyObject":
		return catalog.EventCopy
	case "CompleteMultipartUpload":
		return "ObjectCreated:CompleteMultipartUpload"
	case "DeleteObject", "DeleteObjects":
		return catalog.EventRemoved
	case "PutObjectTagging":
		return "ObjectTagging:Put"
	case "DeleteObjectTagging":
		return "ObjectTagging:Delete"
	case "PutObjectAcl":
		return "ObjectAcl:Put"
	}
	return ""
}

// setCause lets the catalog know who changes what, if others are to be told.
func setCause(r *request) {
	if _, ok := r.b.Settings[settingNotification]; !ok {
		return
	}
	if event := eventOf(r.operation); event != "" {
		r.Request = r.WithContext(catalog.WithCause(r.Context(), catalog.Cause{Event: event, Principal: r.callerID(), SourceIP: peer(r).String(), RequestID: r.id}))
	}
}

// Outbox is where a catalog keeps events; *catalog.Catalog is one.
type Outbox interface {
	EventTargets(ctx context.Context, shard int) ([]string, error)
	Events(ctx context.Context, shard int, target, after string, limit int) ([]catalog.Event, error)
	ForgetEvents(ctx context.Context, shard int, target string, ids []string) error
}

// Notifier makes what tells the targets of Options of the events in an outbox. Nil when there are no targets.
func (s *Service) Notifier(box Outbox) catalog.Notifier {
	if len(s.o.Targets) == 0 {
		return nil
	}
	o := s.o.Events
	o.Log, o.Ended = s.o.Log, s.metrics.events
	return notifier{s, notify.New(outbox{s, box}, s.o.Targets, o)}
}

type notifier struct {
	s *Service
	d *notify.Deliverer
}

// Route implements catalog.Notifier. The configuration that counts is the one of now.
func (n notifier) Route(ctx context.Context, e catalog.Event) (target, rule string, err error) {
	b, err := n.s.catalog.Bucket(ctx, e.Bucket)
	if errs.Is(err, errs.NotFound) || err == nil && b.ID != e.BucketID {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	config, err := n.s.notificationOf(ctx, b)
	if config == nil || err != nil {
		return "", "", err
	}
	r, ok := config.Match(e.Event, e.Key)
	if !ok {
		return "", "", nil
	}
	return r.Target(), r.ID, nil
}

// Deliver implements catalog.Notifier.
func (n notifier) Deliver(ctx context.Context, shard int) { n.d.Run(ctx, shard) }

// outbox is that of a catalog, with events as targets are told of them.
type outbox struct {
	s   *Service
	box Outbox
}

var _ notify.Outbox = outbox{}

// Targets implements notify.Outbox.
func (o outbox) Targets(ctx context.Context, shard int) ([]string, error) {
	return o.box.EventTargets(ctx, shard)
}

// Events implements notify.Outbox.
func (o outbox) Events(ctx context.Context, shard int, target, after string, limit int) ([]notify.Waiting, error) {
	list, err := o.box.Events(ctx, shard, target, after, limit)
	if err != nil {
		return nil, err
	}
	waiting := make([]notify.Waiting, len(list))
	for i, e := range list {
		waiting[i] = notify.Waiting{ID: e.ID, Event: notify.Event{Name: e.Event, Time: e.Time, Region: o.s.o.Region, Principal: e.Principal, SourceIP: e.SourceIP, RequestID: e.RequestID,
			Rule: e.Rule, Bucket: e.Bucket, Key: e.Key, Size: e.Size, ETag: e.ETag, VersionID: e.VersionID, Sequencer: string(e.Rev)}}
		if b, err := o.s.catalog.Bucket(ctx, e.Bucket); err == nil {
			waiting[i].BucketOwner = userid.Of(b.Owner)
		}
	}
	return waiting, nil
}

// Forget implements notify.Outbox.
func (o outbox) Forget(ctx context.Context, shard int, target string, ids []string) error {
	return o.box.ForgetEvents(ctx, shard, target, ids)
}

// testTargets sends a test event to each target of a configuration, unless the client asks for none.
func (s *Service) testTargets(r *request, config *notify.Config) error {
	if r.Header.Get("X-Amz-Skip-Destination-Validation") == "true" {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), testLimit)
	defer cancel()
	text := notify.TestEvent(r.bucket, r.id, s.o.Now())
	for _, name := range config.Targets() {
		if err := s.o.Targets[name].Send(ctx, r.bucket, text); err != nil {
			s.o.Log.WarnContext(ctx, "a notification target does not take a test event", "target", name, "err", err)
			return notify.Unreachable(err)
		}
	}
	return nil
}
