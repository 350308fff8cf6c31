package scenario

import (
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/internal/checksum"
	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/dataset"
	"github.com/opensds/gelato/internal/testbed/s3lite"
)

// wantQuiet fails the test for every request that failed.
func (s *stage) wantQuiet() {
	s.t.Helper()
	l := s.load
	s.figure("%d reads (%d of no object, %d MiB), %d puts, %d deletes, %d excused by what was struck; slowest small read %v", l.Reads.Load(), l.Absent.Load(),
		l.BytesRead.Load()>>20, l.Puts.Load(), l.Deletes.Load(), l.Excused.Load(), l.Slowest().Round(time.Millisecond))
	if n, err := l.Failures(); n > 0 {
		s.t.Errorf("%d requests failed or answered wrongly:\n%v", n, err)
	}
}

// wantWrites prints how fast the writer was, and fails the test if it was below a share of its aim.
func (s *stage) wantWrites(took time.Duration, share float64) {
	s.t.Helper()
	perSecond := float64(s.load.Puts.Load()+s.load.Deletes.Load()) / took.Seconds()
	s.figure("%.1f writes/s of %d wanted", perSecond, writesPerSecond)
	if perSecond < share*writesPerSecond {
		s.t.Errorf("the writer managed %.1f writes/s", perSecond)
	}
}

// wantFinal reads everything, and compares listing and placement (all at one backend) with it. It returns what is there.
func (s *stage) wantFinal(at string) map[string]dataset.Object {
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
		} else if got := h.Get("X-Gelato-Backend"); got != at {
			s.t.Errorf("HEAD %s: x-gelato-backend is %q, want %s", key, got, at)
		}
	}
	return there
}

// wantStores waits until a backend holds exactly one blob of each object and the other only its marker, and neither an open upload.
func (s *stage) wantStores(at string, there map[string]dataset.Object, limit time.Duration) {
	s.t.Helper()
	began := time.Now()
	for deadline := began.Add(limit); ; time.Sleep(500 * time.Millisecond) {
		problem := ""
		for name, server := range s.stores {
			want := there
			if name != at {
				want = nil
			}
			if problem = s.foreign(server, want); problem != "" {
				break
			}
		}
		if problem == "" {
			break
		}
		if time.Now().After(deadline) {
			s.t.Errorf("%v after the job: %s", limit, problem)
			return
		}
	}
	s.figure("%s exact and the other empty %v after the last read", at, time.Since(began).Round(time.Millisecond))
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

// wantReport compares a job's report with its counters, and demands for each object that only readers touch exactly one line with its size,
// checksum and proof.
func (s *stage) wantReport(job testbed.Job, from, to string, initial []dataset.Object) {
	s.t.Helper()
	report, err := s.Report(s.t.Context(), job.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	counts, lines, proofs := map[string]int64{}, map[string][]testbed.Outcome{}, map[string]int{}
	for _, o := range report {
		counts[o.Outcome]++
		lines[o.Key] = append(lines[o.Key], o)
		switch {
		case o.Outcome == "copied":
			proofs[o.Proof]++
			if o.Proof == "" || o.Source.Backend != from || o.Destination.Backend != to {
				s.t.Errorf("report: %+v: want a proof, from %s to %s", o, from, to)
			}
		case o.Reason == "":
			s.t.Errorf("report: %+v is not copied, without a reason", o)
		}
	}
	if counts["copied"] != job.PassedCount || counts["skipped"] != job.SkippedCount || counts["failed"] != job.FailedCount || int64(len(report)) != job.TotalCount {
		s.t.Errorf("report has %v, the job %d: %d passed, %d skipped, %d failed", counts, job.TotalCount, job.PassedCount, job.SkippedCount, job.FailedCount)
	}
	s.figure("report: %v, proofs %v", counts, proofs)
	untouched := 0
	for _, o := range initial {
		if s.load.Model.Writes(o.Key) > 1 {
			continue
		}
		untouched++
		got := lines[o.Key]
		if len(got) != 1 || got[0].Outcome != "copied" || got[0].Bytes != o.Size {
			s.t.Errorf("report: got %+v for %s, which nobody changed, want one line: copied, %d bytes", got, o.Key, o.Size)
			continue
		}
		if want := crc64(s.t, o); !strings.EqualFold(got[0].Destination.Algorithm, "CRC64NVME") || got[0].Destination.Checksum != want {
			s.t.Errorf("report: %s: got destination %+v, want CRC64NVME %s", o.Key, got[0].Destination, want)
		}
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
