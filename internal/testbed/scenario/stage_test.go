package scenario

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/internal/checksum"
	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/dataset"
	"github.com/opensds/gelato/internal/testbed/s3lite"
)

const (
	bucket = "photos"
	marker = ".gelato-backend"
	native = "store" // the native bucket on either store
	grace  = 5 * time.Second
)

// stage is a gelato with two stores, A and B, and a bucket on A.
type stage struct {
	t      *testing.T
	gelato *testbed.Gelato
	a, b   *testbed.S3Server
	load   *Load
	began  time.Time
}

// seed comes from GELATO_SEED, or from the clock, and is printed.
func seed(t *testing.T) uint64 {
	if text := os.Getenv("GELATO_SEED"); text != "" {
		s, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("GELATO_SEED: %v", err)
		}
		return s
	}
	return uint64(time.Now().UnixNano())
}

// newStage starts the processes. Work of a lost process is taken over after leaseTTL.
func newStage(t *testing.T, leaseTTL time.Duration) *stage {
	if testbed.Short() {
		t.Skip("needs real servers")
	}
	options := testbed.VersityOptions{ExtraOptions: []string{"--keep-alive"}}
	s := &stage{t: t, a: testbed.Versity(t, options), b: testbed.Versity(t, options), began: time.Now()}
	s.a.CreateBucket(native)
	s.b.CreateBucket(native)
	s.gelato = testbed.StartGelato(t, testbed.GelatoOptions{
		Args: []string{"--garbage-grace", grace.String(), "--sweep-interval", "1s", "--lease-ttl", leaseTTL.String(), "--write-ttl", leaseTTL.String()},
	})
	ctx := t.Context()
	for name, server := range map[string]*testbed.S3Server{"store-a": s.a, "store-b": s.b} {
		if err := s.gelato.RegisterS3(ctx, name, server, native); err != nil {
			t.Fatal(err)
		}
	}
	s.load = &Load{Client: s.gelato.Client(), Bucket: bucket, Model: NewModel(time.Now), Outage: &Outage{}, Size: 4 << 10, Seed: seed(t)}
	t.Logf("figure: GELATO_SEED=%d", s.load.Seed)
	if err := s.load.Client.CreateBucket(ctx, bucket, "store-a"); err != nil {
		t.Fatal(err)
	}
	return s
}

// figure prints a measured value; tools/testsum shows it.
func (s *stage) figure(format string, args ...any) {
	s.t.Logf("figure: %s", fmt.Sprintf(format, args...))
}

// adopt tells the model and the readers of objects that were put.
func (s *stage) adopt(objects []dataset.Object) {
	for _, o := range objects {
		s.load.Model.Begin(o.Key, false).Succeeded()
		s.load.Keys = append(s.load.Keys, o.Key)
	}
}

// put stores objects through the gateway, workers at a time.
func (s *stage) put(objects []dataset.Object, workers int) {
	s.t.Helper()
	next := make(chan dataset.Object)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for o := range next {
				if err := s.load.Client.Put(s.t.Context(), bucket, o.Key, o.Bytes()); err != nil {
					s.t.Error(err)
				}
			}
		})
	}
	for _, o := range objects {
		next <- o
	}
	close(next)
	all.Wait()
	s.adopt(objects)
}

// relocate runs a plan from A to B and returns the finished job. during runs beside it, until its context ends with the job.
func (s *stage) relocate(limit time.Duration, during func(context.Context), watch func(testbed.Job)) testbed.Job {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), limit)
	defer cancel()
	loadCtx, stop := context.WithCancel(ctx)
	var background sync.WaitGroup
	background.Go(func() { during(loadCtx) })
	defer background.Wait()
	defer stop()

	began := time.Now()
	id, err := s.gelato.Relocate(ctx, "to-b", bucket, "store-b")
	if err != nil {
		s.t.Fatal(err)
	}
	job, err := s.wait(ctx, id, watch)
	if err != nil {
		s.t.Fatal(err)
	}
	s.figure("job %s after %v: %d objects, %d copied or skipped, %d failed, %d bytes", job.Status, time.Since(began).Round(time.Millisecond),
		job.TotalCount, job.PassedCount+job.SkippedCount, job.FailedCount, job.PassedCapacity)
	if job.Status != "succeeded" || job.FailedCount != 0 || !job.TotalsFinal || job.PassedCount+job.SkippedCount != job.TotalCount {
		s.t.Errorf("job: got %+v, want succeeded with every object passed or skipped", job)
	}
	return job
}

// wait polls the job through an outage.
func (s *stage) wait(ctx context.Context, id string, watch func(testbed.Job)) (testbed.Job, error) {
	for {
		from := time.Now()
		job, err := s.gelato.WaitJob(ctx, id, 50*time.Millisecond, watch)
		if err == nil || ctx.Err() != nil || !s.load.Outage.Explains(from, time.Now()) {
			return job, err
		}
		time.Sleep(retryInterval)
	}
}

// wantQuiet fails the test for every request that failed.
func (s *stage) wantQuiet() {
	s.t.Helper()
	l := s.load
	s.figure("%d reads (%d of no object, %d MiB), %d puts, %d deletes, %d excused by the kill; slowest small read %v", l.Reads.Load(), l.Absent.Load(),
		l.BytesRead.Load()>>20, l.Puts.Load(), l.Deletes.Load(), l.Excused.Load(), l.Slowest().Round(time.Millisecond))
	if n, err := l.Failures(); n > 0 {
		s.t.Errorf("%d requests failed or answered wrongly:\n%v", n, err)
	}
}

// wantFinal reads everything, and compares listing and placement with it. It returns what is there.
func (s *stage) wantFinal() map[string]dataset.Object {
	s.t.Helper()
	before, _ := s.load.Failures()
	there := s.load.ReadAll(s.t.Context(), 16)
	if after, err := s.load.Failures(); after > before {
		s.t.Errorf("%d keys are not as the model has them:\n%v", after-before, err)
	}
	var listed []string
	for o, err := range s.load.Client.List(s.t.Context(), bucket, "") {
		if err != nil {
			s.t.Fatal(err)
		}
		if want, ok := there[o.Key]; !ok || want.Size != o.Size {
			s.t.Errorf("listing has %s of %d bytes, reading found %+v", o.Key, o.Size, want)
		}
		listed = append(listed, o.Key)
	}
	if want := slices.Sorted(maps.Keys(there)); !slices.Equal(listed, want) {
		s.t.Errorf("the listing names %d keys, reading found %d", len(listed), len(want))
	}
	for key := range there {
		h, err := s.load.Client.Head(s.t.Context(), bucket, key)
		if err != nil {
			s.t.Error(err)
		} else if got := h.Get("X-Gelato-Backend"); got != "store-b" {
			s.t.Errorf("HEAD %s: x-gelato-backend is %q, want store-b", key, got)
		}
	}
	return there
}

// wantStores waits until A holds only its marker and B exactly one blob of each object, and neither an open upload.
func (s *stage) wantStores(there map[string]dataset.Object, limit time.Duration) {
	s.t.Helper()
	began := time.Now()
	for deadline := began.Add(limit); ; time.Sleep(500 * time.Millisecond) {
		problem := s.foreign(s.a, nil)
		if problem == "" {
			problem = s.foreign(s.b, there)
		}
		if problem == "" {
			break
		}
		if time.Now().After(deadline) {
			s.t.Errorf("%v after the job: %s", limit, problem)
			return
		}
	}
	s.figure("A empty and B exact %v after the last read", time.Since(began).Round(time.Millisecond))
}

// foreign compares a store's own listing with the objects that it should hold, and returns the first differences.
func (s *stage) foreign(server *testbed.S3Server, want map[string]dataset.Object) string {
	s.t.Helper()
	c := server.Client()
	extra, seen, sawMarker := []string{}, map[string]bool{}, false
	for o, err := range c.List(s.t.Context(), native, "") {
		if err != nil {
			s.t.Fatal(err)
		}
		key, ok := strings.CutPrefix(o.Key, bucket+"/")
		switch {
		case o.Key == marker:
			sawMarker = true
		case ok && blob.IsOurs(o.Key) && strings.Contains(key, "."):
			key = key[:strings.LastIndex(key, ".")]
			if w, ok := want[key]; !ok || seen[key] || w.Size != o.Size {
				extra = append(extra, o.Key)
			}
			seen[key] = true
		default:
			extra = append(extra, o.Key)
		}
	}
	var uploads struct {
		Upload []struct{ Key string }
	}
	if err := c.XML(s.t.Context(), s3lite.Request{Method: http.MethodGet, Bucket: native, Query: url.Values{"uploads": {""}}}, &uploads); err != nil {
		s.t.Fatal(err)
	}
	missing := 0
	for key := range want {
		if !seen[key] {
			missing++
		}
	}
	if sawMarker && len(extra) == 0 && missing == 0 && len(uploads.Upload) == 0 {
		return ""
	}
	return fmt.Sprintf("%s (wants %d objects): marker there: %v, %d missing, %d open uploads, %d too many: %.10q", server.Endpoint, len(want), sawMarker,
		missing, len(uploads.Upload), len(extra), extra[:min(len(extra), 10)])
}

// wantReport compares a job's report with its counters, and for objects that nobody changed every field.
func (s *stage) wantReport(job testbed.Job, initial []dataset.Object) {
	s.t.Helper()
	report, err := s.gelato.Report(s.t.Context(), job.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	counts, lines, proofs := map[string]int64{}, map[string]testbed.Outcome{}, map[string]int{}
	for _, o := range report {
		counts[o.Outcome]++
		proofs[o.Proof]++
		if o.Proof != "" { // copied, or by an attempt that copied and could not report any more
			lines[o.Key] = o
		}
		if o.Outcome == "copied" && (o.Proof == "" || o.Source.Backend != "store-a" || o.Destination.Backend != "store-b") {
			s.t.Errorf("report: %+v: want a proof, from store-a to store-b", o)
		}
		if o.Outcome == "skipped" && o.Reason == "" {
			s.t.Errorf("report: %+v is skipped without a reason", o)
		}
	}
	if counts["copied"] != job.PassedCount || counts["skipped"] != job.SkippedCount || counts["failed"] != job.FailedCount {
		s.t.Errorf("report has %v, the job %d passed, %d skipped, %d failed", counts, job.PassedCount, job.SkippedCount, job.FailedCount)
	}
	s.figure("report: %v, proofs %v", counts, proofs)
	untouched, missing := 0, []string{}
	for _, o := range initial {
		if s.load.Model.Writes(o.Key) > 1 {
			continue
		}
		untouched++
		line, ok := lines[o.Key]
		if !ok || line.Bytes != o.Size {
			missing = append(missing, o.Key)
			continue
		}
		if want := crc64(s.t, o); line.Destination.Backend != "store-b" || !strings.EqualFold(line.Destination.Algorithm, "CRC64NVME") || line.Destination.Checksum != want {
			s.t.Errorf("report: %s: got destination %+v, want store-b, CRC64NVME %s", o.Key, line.Destination, want)
		}
	}
	if len(missing) > 0 {
		s.t.Errorf("report: %d of %d objects that nobody changed have no line with their size and a proof: %q ... %q", len(missing), untouched, missing[0], missing[len(missing)-1])
	}
	if untouched == 0 {
		s.t.Error("the writer left no object alone")
	}
}

// crc64 is the checksum of the content in S3's form.
func crc64(t *testing.T, o dataset.Object) string {
	h := checksum.New(checksum.CRC64NVME)
	if _, err := io.Copy(h, o.Reader()); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}
