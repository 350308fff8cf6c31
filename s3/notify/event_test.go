package notify

import (
	"testing"
	"time"
)

func TestJSON(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 23, 0, 1, 5e6, time.FixedZone("", -3600))
	const head = `"eventSource":"aws:s3","awsRegion":"here","eventTime":"2026-11-23T00:00:01.005Z",`
	const from = `"requestParameters":{"sourceIPAddress":"192.0.2.1"},"responseElements":{"x-amz-id-2":"R1","x-amz-request-id":"R1"},`
	const bucket = `"s3":{"s3SchemaVersion":"1.0","configurationId":"rule","bucket":{"name":"b","ownerIdentity":{"principalId":"o"},"arn":"arn:aws:s3:::b"},`
	e := Event{Time: at, Region: "here", Principal: "p", SourceIP: "192.0.2.1", RequestID: "R1", Rule: "rule", Bucket: "b", BucketOwner: "o", Key: "a b/ü+.txt", ETag: "e", Sequencer: "0a"}
	for name, c := range map[string]struct {
		change func(e *Event)
		want   string
	}{
		"put": {func(e *Event) { e.Name = "ObjectCreated:Put" }, `{"Records":[{"eventVersion":"2.1",` + head + `"eventName":"ObjectCreated:Put","userIdentity":{"principalId":"p"},` + from +
			bucket + `"object":{"key":"a+b/%C3%BC%2B.txt","size":0,"eTag":"e","sequencer":"0A"}}}]}`},
		"delete of a version by nobody": {func(e *Event) { e.Name, e.VersionID, e.Principal = "ObjectRemoved:Delete", "v", "" }, `{"Records":[{"eventVersion":"2.1",` + head +
			`"eventName":"ObjectRemoved:Delete","userIdentity":{"principalId":"Anonymous"},` + from + bucket + `"object":{"key":"a+b/%C3%BC%2B.txt","versionId":"v","sequencer":"0A"}}}]}`},
		"tagging": {func(e *Event) { e.Name = "ObjectTagging:Put" }, `{"Records":[{"eventVersion":"2.3",` + head + `"eventName":"ObjectTagging:Put","userIdentity":{"principalId":"p"},` + from +
			bucket + `"object":{"key":"a+b/%C3%BC%2B.txt","eTag":"e","sequencer":"0A"}}}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := e
			c.change(&e)
			if got := string(e.JSON()); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	const test = `{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-11-23T00:00:01.005Z","Bucket":"b","RequestId":"R1","HostId":"R1"}`
	if got := string(TestEvent("b", "R1", at)); got != test {
		t.Errorf("got %s, want %s", got, test)
	}
}
