package s3

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/opensds/gelato/internal/userid"
	"github.com/opensds/gelato/s3/notify"
)

// listener is a webhook that remembers what it got.
type listener struct {
	mu     sync.Mutex
	away   bool
	events []told
	tests  []string
	more   chan struct{} // has an element after each event
}

// told is what an event says.
type told struct {
	Version   string `json:"eventVersion"`
	Name      string `json:"eventName"`
	Principal struct {
		ID string `json:"principalId"`
	} `json:"userIdentity"`
	From struct {
		IP string `json:"sourceIPAddress"`
	} `json:"requestParameters"`
	S3 struct {
		Rule   string `json:"configurationId"`
		Bucket struct {
			Name  string
			Owner struct {
				ID string `json:"principalId"`
			} `json:"ownerIdentity"`
		}
		Object struct {
			Key, ETag, VersionID, Sequencer string
			Size                            *int64
		}
	}
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	var m struct {
		Event, Bucket string
		Records       []told
	}
	if err := json.Unmarshal(body, &m); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if m.Event != "" {
		l.tests = append(l.tests, m.Event+" "+m.Bucket)
		return
	}
	l.events = append(l.events, m.Records...)
	select {
	case l.more <- struct{}{}:
	default:
	}
}

func (l *listener) set(away bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away = away
}

// await waits until n events were told of, each counted once, and returns them in the order of their first delivery.
func (l *listener) await(t *testing.T, n int) (list []told) {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		l.mu.Lock()
		list = nil
		seen := map[string]bool{}
		for _, e := range l.events {
			if !seen[e.S3.Object.Sequencer] {
				seen[e.S3.Object.Sequencer] = true
				list = append(list, e)
			}
		}
		l.mu.Unlock()
		if len(list) >= n {
			return list
		}
		select {
		case <-l.more:
		case <-limit:
			t.Fatalf("%d events came, want %d: %+v", len(list), n, list)
		}
	}
}

// listening is a gateway with the target "hook".
func listening(t *testing.T) (*gateway, *listener) {
	t.Helper()
	l := &listener{more: make(chan struct{}, 1)}
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	hook, err := notify.NewWebhook(server.URL, notify.WebhookOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hook.Close)
	g := newGateway(t, Options{Targets: map[string]notify.Target{"hook": hook}, Events: notify.Options{MaxDelay: time.Second}})
	g.catalog.SetNotifier(g.service.Notifier(g.catalog))
	return g, l
}

// settle runs the catalog until stop is called.
func (g *gateway) settle() (stop func()) {
	ctx, cancel := context.WithCancel(g.t.Context())
	done := make(chan error, 1)
	go func() { done <- g.catalog.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			g.t.Errorf("run: %v", err)
		}
	}
}

func (g *gateway) notify(bucket string, change func(*awss3.PutBucketNotificationConfigurationInput), events ...types.Event) error {
	in := &awss3.PutBucketNotificationConfigurationInput{Bucket: &bucket, NotificationConfiguration: &types.NotificationConfiguration{
		TopicConfigurations: []types.TopicConfiguration{{Id: aws.String("rule"), TopicArn: aws.String("arn:aws:sns:us-east-1::hook"), Events: events}}}}
	if change != nil {
		change(in)
	}
	_, err := g.root().PutBucketNotificationConfiguration(g.t.Context(), in)
	return err
}

func TestNotifications(t *testing.T) {
	t.Parallel()
	g, l := listening(t)
	b := g.bucket("source", "")
	if err := g.notify(b, nil, "s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*", "s3:ObjectAcl:Put"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"s3:TestEvent source"}; !slices.Equal(l.tests, want) {
		t.Errorf("tests were %q, want %q", l.tests, want)
	}
	c := g.root()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	k := aws.String("a b/c")
	must(c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &b, Key: k, Body: strings.NewReader("hello")}))
	must(c.PutObjectTagging(t.Context(), &awss3.PutObjectTaggingInput{Bucket: &b, Key: k, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}}))
	must(c.DeleteObjectTagging(t.Context(), &awss3.DeleteObjectTaggingInput{Bucket: &b, Key: k}))
	must(c.PutObjectAcl(t.Context(), &awss3.PutObjectAclInput{Bucket: &b, Key: k, ACL: types.ObjectCannedACLPrivate}))
	must(c.CopyObject(t.Context(), &awss3.CopyObjectInput{Bucket: &b, Key: k, CopySource: aws.String("source/a%20b/c"), MetadataDirective: types.MetadataDirectiveReplace}))
	must(c.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: &b, Key: k}))
	u, err := c.CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{Bucket: &b, Key: k})
	must(u, err)
	p, err := c.UploadPart(t.Context(), &awss3.UploadPartInput{Bucket: &b, Key: k, UploadId: u.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("parts")})
	must(p, err)
	must(c.CompleteMultipartUpload(t.Context(), &awss3.CompleteMultipartUploadInput{Bucket: &b, Key: k, UploadId: u.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: p.ETag}}}}))
	must(c.PutBucketVersioning(t.Context(), &awss3.PutBucketVersioningInput{Bucket: &b, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}}))
	marker, err := c.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: &b, Key: k})
	must(marker, err)
	must(c.DeleteObjects(t.Context(), &awss3.DeleteObjectsInput{Bucket: &b, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: k, VersionId: marker.VersionId}}}}))
	put, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &b, Key: k, Body: strings.NewReader("version")})
	must(put, err)
	_, err = g.sdk(userKey, userSecret).PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &b, Key: k})
	wantCode(t, err, "AccessDenied")
	defer g.settle()()

	version := aws.ToString(put.VersionId)
	want := []string{"2.1 ObjectCreated:Put 5 ", "2.3 ObjectTagging:Put - ", "2.3 ObjectTagging:Delete - ", "2.3 ObjectAcl:Put - ", "2.1 ObjectCreated:Copy 5 ", "2.1 ObjectRemoved:Delete - ",
		"2.1 ObjectCreated:CompleteMultipartUpload 5 ", "2.1 ObjectRemoved:DeleteMarkerCreated - " + *marker.VersionId, "2.1 ObjectRemoved:Delete - " + *marker.VersionId, "2.1 ObjectCreated:Put 7 " + version}
	var got, sequencers []string
	for _, e := range l.await(t, len(want)) {
		o := e.S3.Object
		size := "-"
		if o.Size != nil {
			size = fmt.Sprint(*o.Size)
		}
		got, sequencers = append(got, e.Version+" "+e.Name+" "+size+" "+o.VersionID), append(sequencers, o.Sequencer)
		if o.Key != "a+b/c" || e.S3.Rule != "rule" || e.S3.Bucket.Name != b || e.S3.Bucket.Owner.ID != userid.Of("root") || e.Principal.ID != userid.Of("root") || e.From.IP != "127.0.0.1" {
			t.Errorf("an event is %+v", e)
		}
		if created := strings.HasPrefix(e.Name, "ObjectCreated"); created && o.ETag == "" {
			t.Errorf("%s has no ETag", e.Name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if !slices.IsSorted(sequencers) {
		t.Errorf("the sequencers are %q", sequencers)
	}
}

// TestNotificationsWait: what a target did not take is delivered by the next process, and a later change of the configuration counts.
func TestNotificationsWait(t *testing.T) {
	t.Parallel()
	g, l := listening(t)
	b := g.bucket("source", "")
	if err := g.notify(b, nil, "s3:ObjectCreated:*"); err != nil {
		t.Fatal(err)
	}
	l.set(true)
	for i := range 5 {
		if _, err := g.root().PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &b, Key: aws.String(fmt.Sprint(i)), Body: strings.NewReader("x")}); err != nil {
			t.Fatal(err)
		}
	}
	stop := g.settle()
	waiting := func() (n int) {
		for shard := range 8 {
			list, err := g.catalog.Events(t.Context(), shard, "hook", "", 100)
			if err != nil {
				t.Fatal(err)
			}
			n += len(list)
		}
		return n
	}
	for deadline := time.Now().Add(30 * time.Second); waiting() < 5; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d events wait, want 5", waiting())
		}
	}
	stop()
	l.set(false)
	defer g.settle()()
	if got := l.await(t, 5); len(got) != 5 {
		t.Errorf("%d events came, want 5", len(got))
	}
}

func TestNotificationsAreRefused(t *testing.T) {
	t.Parallel()
	g, l := listening(t)
	b := g.bucket("source", "")
	topic := func(arn string) func(*awss3.PutBucketNotificationConfigurationInput) {
		return func(in *awss3.PutBucketNotificationConfigurationInput) {
			in.NotificationConfiguration.TopicConfigurations[0].TopicArn = &arn
		}
	}
	wantCode(t, g.notify(b, topic("arn:aws:sns:us-east-1::other"), "s3:ObjectCreated:*"), "InvalidArgument")
	wantCode(t, g.notify(b, topic("arn:aws:sns:eu-west-1::hook"), "s3:ObjectCreated:*"), "InvalidArgument")
	wantCode(t, g.notify(b, nil, "s3:Everything"), "InvalidArgument")
	wantCode(t, g.notify(b, func(in *awss3.PutBucketNotificationConfigurationInput) {
		in.NotificationConfiguration.EventBridgeConfiguration = &types.EventBridgeConfiguration{}
	}, "s3:ObjectCreated:*"), "NotImplemented")
	l.set(true)
	wantCode(t, g.notify(b, nil, "s3:ObjectCreated:*"), "InvalidArgument")
	got, err := g.root().GetBucketNotificationConfiguration(t.Context(), &awss3.GetBucketNotificationConfigurationInput{Bucket: &b})
	if err != nil || len(got.TopicConfigurations) != 0 {
		t.Errorf("got %+v, %v, want nothing", got, err)
	}
	err = g.notify(b, func(in *awss3.PutBucketNotificationConfigurationInput) { in.SkipDestinationValidation = aws.Bool(true) }, "s3:ObjectCreated:*")
	if err != nil {
		t.Errorf("without a test: %v", err)
	}
	got, err = g.root().GetBucketNotificationConfiguration(t.Context(), &awss3.GetBucketNotificationConfigurationInput{Bucket: &b})
	if err != nil || len(got.TopicConfigurations) != 1 || *got.TopicConfigurations[0].Id != "rule" {
		t.Errorf("got %+v, %v, want the rule", got, err)
	}
	_, err = g.root().PutBucketNotificationConfiguration(t.Context(), &awss3.PutBucketNotificationConfigurationInput{Bucket: &b, NotificationConfiguration: &types.NotificationConfiguration{}})
	if err != nil {
		t.Fatal(err)
	}
	got, err = g.root().GetBucketNotificationConfiguration(t.Context(), &awss3.GetBucketNotificationConfigurationInput{Bucket: &b})
	if err != nil || len(got.TopicConfigurations) != 0 {
		t.Errorf("got %+v, %v, want nothing", got, err)
	}
}
