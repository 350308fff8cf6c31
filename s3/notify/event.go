package notify

import (
	"encoding/json"
	"net/url"
	"strings"
	"time"
)

// Event is what happened to an object.
type Event struct {
	Name      string // ObjectCreated:Put
	Time      time.Time
	Region    string
	Principal string // canonical id; empty: anonymous
	SourceIP  string
	RequestID string

	Rule        string // the id of the rule that wanted it
	Bucket      string
	BucketOwner string // canonical id

	Key       string
	Size      int64 // bytes
	ETag      string
	VersionID string // empty in a bucket without versions
	Sequencer string // hexadecimal; of two events of a key the later one has the larger
}

type message struct {
	Records []record `json:"Records"`
}

type identity struct {
	PrincipalID string `json:"principalId"`
}

type record struct {
	Version  string            `json:"eventVersion"`
	Source   string            `json:"eventSource"`
	Region   string            `json:"awsRegion"`
	Time     string            `json:"eventTime"`
	Name     string            `json:"eventName"`
	User     identity          `json:"userIdentity"`
	Request  map[string]string `json:"requestParameters"`
	Response map[string]string `json:"responseElements"`
	S3       entity            `json:"s3"`
}

type entity struct {
	Version string `json:"s3SchemaVersion"`
	Rule    string `json:"configurationId"`
	Bucket  struct {
		Name  string   `json:"name"`
		Owner identity `json:"ownerIdentity"`
		ARN   string   `json:"arn"`
	} `json:"bucket"`
	Object struct {
		Key       string `json:"key"`
		Size      *int64 `json:"size,omitempty"`
		ETag      string `json:"eTag,omitempty"`
		VersionID string `json:"versionId,omitempty"`
		Sequencer string `json:"sequencer"`
	} `json:"object"`
}

const timeFormat = "2006-01-02T15:04:05.000Z"

// JSON is the message of the event: a list of one record.
func (e Event) JSON() []byte {
	r := record{Version: "2.1", Source: "aws:s3", Region: e.Region, Time: e.Time.UTC().Format(timeFormat), Name: e.Name, User: identity{e.Principal},
		Request: map[string]string{"sourceIPAddress": e.SourceIP}, Response: map[string]string{"x-amz-request-id": e.RequestID, "x-amz-id-2": e.RequestID}}
	if e.Principal == "" {
		r.User.PrincipalID = "Anonymous"
	}
	r.S3.Version, r.S3.Rule = "1.0", e.Rule
	r.S3.Bucket.Name, r.S3.Bucket.Owner, r.S3.Bucket.ARN = e.Bucket, identity{e.BucketOwner}, "arn:aws:s3:::"+e.Bucket
	o := &r.S3.Object
	o.Key, o.VersionID, o.Sequencer = escape(e.Key), e.VersionID, strings.ToUpper(e.Sequencer)
	switch kind, _, _ := strings.Cut(e.Name, ":"); kind {
	case "ObjectCreated":
		o.Size, o.ETag = &e.Size, e.ETag
	case "ObjectTagging", "ObjectAcl":
		r.Version, o.ETag = "2.3", e.ETag
	}
	return encode(message{[]record{r}})
}

// escape writes a key as S3 does in events: like a form's value, but with its slashes.
func escape(key string) string {
	return strings.ReplaceAll(url.QueryEscape(key), "%2F", "/")
}

// TestEvent is what S3 sends to a target when a configuration names it.
func TestEvent(bucket, requestID string, at time.Time) []byte {
	return encode(struct {
		Service, Event, Time, Bucket string
		RequestID                    string `json:"RequestId"`
		HostID                       string `json:"HostId"`
	}{"Amazon S3", "s3:TestEvent", at.UTC().Format(timeFormat), bucket, requestID, requestID})
}

// encode writes what can always be written.
func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic("notify: write an event: " + err.Error())
	}
	return text
}
