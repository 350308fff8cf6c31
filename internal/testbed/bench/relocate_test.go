package bench

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/dataset"
	"github.com/opensds/gelato/internal/testbed/s3lite"
)

const runs = 3

// BenchmarkRelocate moves the standard data set between two servers: three times by a relocate, three times by rclone copy, in turn,
// each to a destination that was empty.
func BenchmarkRelocate(b *testing.B) {
	dir, objects := b.TempDir(), dataset.Standard()
	if err := dataset.Write(dir, objects); err != nil {
		b.Fatal(err)
	}
	options := testbed.VersityOptions{ExtraOptions: []string{"--keep-alive"}}
	one, two := testbed.Versity(b, options), testbed.Versity(b, options)
	g := testbed.StartGelato(b, testbed.GelatoOptions{})
	remotes := map[string]s3lite.Endpoint{"one": one.S3(), "two": two.S3(), "g": g.Endpoint()}
	place := func(name string, s *testbed.S3Server) {
		s.CreateBucket(name)
		if err := g.RegisterS3(b.Context(), name, s, name); err != nil {
			b.Fatal(err)
		}
	}
	place("one-0", one)
	one.CreateBucket("plain")
	if err := g.Client().CreateBucket(b.Context(), "photos", "one-0"); err != nil {
		b.Fatal(err)
	}
	testbed.RcloneCopy(b, remotes, dir, "one:plain")
	began := time.Now()
	testbed.RcloneCopy(b, remotes, dir, "g:photos")
	say("rclone put the data set through gelato in %v", time.Since(began).Round(time.Millisecond))

	relocate := func(plan, to string) time.Duration {
		began := time.Now()
		id, err := g.Relocate(b.Context(), plan, "photos", to)
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(b.Context(), 10*time.Minute)
		defer cancel()
		job, err := g.WaitJob(ctx, id, 20*time.Millisecond, nil)
		if err != nil || job.Status != "succeeded" || job.PassedCount != int64(len(objects)) {
			b.Fatalf("job: got %+v, %v, want %d objects passed", job, err, len(objects))
		}
		return time.Since(began)
	}
	var ours, theirs []time.Duration
	for i := range runs {
		destination := fmt.Sprintf("two-%d", i)
		place(destination, two)
		ours = append(ours, relocate("out-"+destination, destination))

		plain := fmt.Sprintf("plain-%d", i)
		two.CreateBucket(plain)
		began := time.Now()
		testbed.RcloneCopy(b, remotes, "one:plain", "two:"+plain)
		theirs = append(theirs, time.Since(began))
		say("run %d: gelato %v, rclone %v", i+1, ours[i].Round(time.Millisecond), theirs[i].Round(time.Millisecond))

		if i < runs-1 { // not timed: back to the first server, for the next run
			back := fmt.Sprintf("one-%d", i+1)
			place(back, one)
			relocate("back-"+back, back)
		}
	}
	our, their := median(ours), median(theirs)
	say("relocation of 10,004 objects, 1.04 GiB: gelato %.1f s, rclone %.1f s, ratio rclone/gelato %.2f; VmHWM of gelato %d MiB",
		our.Seconds(), their.Seconds(), their.Seconds()/our.Seconds(), g.PeakMemory()>>20)
	b.ReportMetric(our.Seconds(), "gelato-s")
	b.ReportMetric(their.Seconds(), "rclone-s")
	b.ReportMetric(their.Seconds()/our.Seconds(), "rclone/gelato")
	b.ReportMetric(float64(g.PeakMemory()>>20), "VmHWM-MiB")
}

// say prints at once; a benchmark's own log ends after ten lines.
func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func median[T int | float64 | time.Duration](all []T) T {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}
