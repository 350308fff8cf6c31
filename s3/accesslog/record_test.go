package accesslog

import (
	"strings"
	"testing"
	"time"
)

func TestAppend(t *testing.T) {
	t.Parallel()
	at := time.Date(2019, 2, 6, 1, 0, 38, 0, time.FixedZone("", 3600))
	for name, c := range map[string]struct {
		r    Record
		want string
	}{
		"nothing known": {Record{Time: at, ObjectSize: -1, Total: -1, TurnAround: -1},
			`[06/Feb/2019:00:00:38 +0000] - - - - - "-" - - - - - - "-" "-" - - - - - - - - - -`},
		"all known": {Record{Time: at, RemoteIP: "192.0.2.3", Requester: "79a5", RequestID: "3E57427F3EXAMPLE", Operation: "REST.GET.OBJECT", Key: "a b/ü\"%.txt",
			RequestURI: `GET /b/a%20b?x="1" HTTP/1.1`, Status: 404, ErrorCode: "NoSuchKey", BytesSent: 297, ObjectSize: 0, Total: 38900 * time.Microsecond, TurnAround: 4 * time.Millisecond,
			Referer: "http://a/", UserAgent: "x\n\"y\"", VersionID: "v1", HostID: "h", Signature: "SigV4", Cipher: "TLS_AES_128_GCM_SHA256", AuthType: "AuthHeader", HostHeader: "h:1", TLS: "TLSv1.3", ACLRequired: true},
			`[06/Feb/2019:00:00:38 +0000] 192.0.2.3 79a5 3E57427F3EXAMPLE REST.GET.OBJECT a%20b/%C3%BC%22%25.txt "GET /b/a%20b?x=%221%22 HTTP/1.1" 404 NoSuchKey 297 0 38 4 ` +
				`"http://a/" "x%0A%22y%22" v1 h SigV4 TLS_AES_128_GCM_SHA256 AuthHeader h:1 TLSv1.3 - Yes -`},
		"too long": {Record{Time: at, UserAgent: strings.Repeat("a", maxHeader+1), ObjectSize: -1, Total: -1, TurnAround: -1},
			`[06/Feb/2019:00:00:38 +0000] - - - - - "-" - - - - - - "-" "` + strings.Repeat("a", maxHeader) + `" - - - - - - - - - -`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := string(c.r.Append(nil)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
