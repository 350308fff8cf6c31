package scheduler

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	"github.com/opensds/gelato/internal/overwrite"
	"github.com/opensds/gelato/internal/queue/embedded"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// taken records the tasks that are added.
type taken struct {
	dataflowpb.DataflowClient
	tasks []*dataflowpb.AddTaskRequest
}

// AddTask implements dataflowpb.DataflowClient.
func (c *taken) AddTask(_ context.Context, r *dataflowpb.AddTaskRequest, _ ...grpc.CallOption) (*dataflowpb.AddTaskResponse, error) {
	c.tasks = append(c.tasks, r)
	return &dataflowpb.AddTaskResponse{TaskId: fmt.Sprint(r.Seq), Job: &dataflowpb.Job{Pass: r.Pass, NextSeq: r.Seq + 1}}, nil
}

func TestTasksAreCutByCountBytesAndText(t *testing.T) {
	t.Parallel()
	const gib = 1 << 30
	sizes := func(n int, size int64) []int64 {
		all := make([]int64, n)
		for i := range all {
			all[i] = size
		}
		return all
	}
	for _, x := range []struct {
		name   string
		sizes  []int64 // negative: skipped
		keyLen int
		want   string // entries+skipped of each task
	}{
		{"nothing", nil, 8, ""},
		{"by count", sizes(1201, 1), 8, "500+0 500+0 201+0"},
		{"by bytes", sizes(10, gib/4), 8, "4+0 4+0 2+0"},
		{"a large one alone", []int64{1, 3 * gib, 1, gib, gib - 1, 2}, 8, "1+0 1+0 1+0 1+0 1+0 1+0"},
		{"skipped travel along", []int64{-1, 1, -1, -1, 1}, 8, "2+3"},
		{"skipped alone", sizes(4001, -1), 8, "0+2000 0+2000 0+1"},
		{"long keys", sizes(500, 1), 1000, "410+0 90+0"},
	} {
		client := &taken{}
		d := &driver{Service: &Service{Deps: Deps{Dataflow: client}}, plan: &dataflowpb.Plan{}}
		d.pub.queue = embedded.New(embedded.Options{})
		c := cutter{driver: d, job: &dataflowpb.Job{Pass: 1}}
		last := ""
		for i, size := range x.sizes {
			key := fmt.Sprintf("%0*d", x.keyLen, i)
			o := object{key: key, cursor: key, Version: overwrite.Version{Size: size}}
			var err error
			if size < 0 {
				err = c.take(t.Context(), o, nil, &dataflowpb.Outcome{Key: key})
			} else {
				err = c.take(t.Context(), o, &dataflowpb.Entry{Key: key, Size: size}, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			last = key
		}
		if err := c.cut(t.Context()); err != nil {
			t.Fatal(err)
		}
		var got []string
		end := ""
		for i, r := range client.tasks {
			got = append(got, fmt.Sprintf("%d+%d", len(r.Entries), len(r.Skipped)))
			if r.Seq != int64(i) || r.EndKey <= end {
				t.Errorf("%s: task %d has number %d and ends at %q after %q", x.name, i, r.Seq, r.EndKey, end)
			}
			end = r.EndKey
		}
		if strings.Join(got, " ") != x.want || end != last {
			t.Errorf("%s: cut %q up to %q, want %q up to %q", x.name, got, end, x.want, last)
		}
	}
}

func TestUnheldTasksArePublishedAgainMoreRarely(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := publisher{queue: embedded.New(embedded.Options{})}
		unheld := []*dataflowpb.Task{{Id: "t"}}
		if err := p.publish(t.Context(), "t"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		var at []string
		for time.Since(began) < 3*time.Minute {
			if ids := p.due(unheld); len(ids) > 0 {
				at = append(at, time.Since(began).String())
				if err := p.publish(t.Context(), ids...); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second)
		}
		if got, want := strings.Join(at, " "), "5s 15s 35s 1m15s 2m15s"; got != want {
			t.Errorf("published again at %s, want %s", got, want)
		}
		if p.due(nil); len(p.due(unheld)) != 1 { // held for a while, and given up: at once
			t.Error("a task that was held waits")
		}
	})
}
