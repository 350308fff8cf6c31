package client_test

import (
	"fmt"
	"strings"
	"testing"
)

func jobAnswer(status string, passed, total int64, more string) answer {
	return answer{200, fmt.Sprintf(`{"id":"j","status":%q,"passedCount":%d,"totalCount":%d,"passedCapacity":%d,"totalCapacity":%d,"progress":%.1f,"rate":1048576,"totalsFinal":true%s}`,
		status, passed, total, passed<<20, total<<20, float64(passed)*100/float64(max(1, total)), more)}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	away := answer{503, problem(503, "unavailable", "going down")}
	for _, tt := range []struct {
		name, args string
		answers    []answer
		want       string // output
		err        string // in the error, "" for success
	}{
		{name: "succeeded",
			answers: []answer{jobAnswer("pending", 0, 0, `,"totalsFinal":false`), jobAnswer("running", 1, 4, `,"etaSeconds":3`), jobAnswer("running", 1, 4, `,"etaSeconds":3`), away, away,
				jobAnswer("succeeded", 4, 4, `,"startTime":"2026-01-01T00:00:00Z","endTime":"2026-01-01T00:00:04.5Z"`)},
			want: "pending    0.0%  0/0+ objects  0 B/0 B+\n" +
				"running   25.0%  1/4 objects  1.0 MiB/4.0 MiB  1.0 MiB/s  ETA 3s\n" +
				"succeeded  100.0%  4/4 objects  4.0 MiB/4.0 MiB  took 4.5s\n"},
		{name: "failed", answers: []answer{jobAnswer("failed", 1, 4, `,"failedCount":3`)}, want: "failed   25.0%  4/4 objects  1.0 MiB/4.0 MiB  3 failed\n",
			err: "job j failed: 3 of 4 objects failed, see gelato job failures j"},
		{name: "failed as a whole", answers: []answer{jobAnswer("failed", 0, 0, `,"error":"the bucket is gone"`)}, want: "failed    0.0%  0/0 objects  0 B/0 B\n", err: "job j failed: the bucket is gone"},
		{name: "cancelled", answers: []answer{jobAnswer("cancelled", 1, 4, "")}, want: "cancelled   25.0%  1/4 objects  1.0 MiB/4.0 MiB\n", err: "job j cancelled"},
		{name: "json", args: "-o json", answers: []answer{jobAnswer("running", 1, 4, ""), {200, `{"id":"j","status":"succeeded"}`}}, want: "{\n  \"id\": \"j\",\n  \"status\": \"succeeded\"\n}\n"},
		{name: "gone", answers: []answer{jobAnswer("running", 1, 4, ""), {404, problem(404, "not_found", "there is no job j")}},
			want: "running   25.0%  1/4 objects  1.0 MiB/4.0 MiB  1.0 MiB/s\n", err: "there is no job j"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := serve(t, map[string][]answer{"GET /jobs/j": tt.answers})
			got, err := gelato(t, "", f.at(append([]string{"job", "watch", "j", "--interval", "1ms"}, strings.Fields(tt.args)...)...)...)
			if got != tt.want {
				t.Errorf("got output\n%s\nwant\n%s", got, tt.want)
			}
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got error %v, want %q", err, tt.err)
			}
		})
	}
}

// TestRunWatch starts a plan and watches its job.
func TestRunWatch(t *testing.T) {
	t.Parallel()
	f := serve(t, map[string][]answer{"POST /plans/p/run": {{202, `{"jobId":"j"}`}}, "GET /jobs/j": {jobAnswer("succeeded", 2, 2, "")}})
	got, err := gelato(t, "", f.at("plan", "run", "p", "--watch")...)
	if want := "succeeded  100.0%  2/2 objects  2.0 MiB/2.0 MiB\n"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}
