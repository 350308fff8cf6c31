package dataflow

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/proto"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/dataflowpb"
)

const (
	maxEntries  = 500
	maxSkipped  = 5000
	maxDocument = 1 << 20
	maxPasses   = 1000
)

// taskID names a task: <job>/<pass>/<number>, which sorts in the order of the walk.
type taskID struct {
	job  string
	pass int32
	seq  int64
}

func (t taskID) String() string { return fmt.Sprintf("%s/%05d/%09d", t.job, t.pass, t.seq) }

var taskForm = regexp.MustCompile(`^([0-9a-f]{24})/([0-9]{5})/([0-9]{9})$`)

func parseTask(id string) (taskID, error) {
	m := taskForm.FindStringSubmatch(id)
	if m == nil {
		return taskID{}, errs.Newf(errs.NotFound, "there is no task %q", id).Because("task")
	}
	pass, _ := strconv.ParseInt(m[2], 10, 32) // digits only: cannot fail
	seq, _ := strconv.ParseInt(m[3], 10, 64)
	return taskID{m[1], int32(pass), seq}, nil
}

func stale(what string) error {
	return errs.Newf(errs.FailedPrecondition, "%s", what).Because("Stale")
}

// AddTask implements dataflowpb.DataflowServer.
func (s *Service) AddTask(ctx context.Context, r *dataflowpb.AddTaskRequest) (*dataflowpb.AddTaskResponse, error) {
	doc, err := newTask(r)
	if err != nil {
		return nil, err
	}
	j, err := s.job(ctx, r.GetJobId())
	if err != nil {
		return nil, err
	}
	switch {
	case j.over():
		return nil, jobOver()
	case j.Status != running:
		return nil, errs.Newf(errs.FailedPrecondition, "the job has not started")
	case r.GetPass() == j.Pass && r.GetSeq() < j.NextSeq:
		return nil, taken()
	case r.GetPass() != j.Pass || r.GetSeq() != j.NextSeq || j.TotalsFinal:
		return nil, stale("the walk stands elsewhere")
	case r.GetEndKey() <= j.Cursor:
		return nil, errs.Newf(errs.InvalidArgument, "the end key of a task sorts after the job's cursor")
	case doc.Count > 0 && len(j.Open) >= s.o.MaxOpenTasks:
		return nil, errs.Newf(errs.ResourceExhausted, "the job has %d open tasks", len(j.Open))
	}
	id := taskID{r.GetJobId(), r.GetPass(), r.GetSeq()}
	_, err = s.tasks.Insert(ctx, id.String(), doc)
	if errs.Is(err, errs.AlreadyExists) {
		stored, _, err := s.tasks.Get(ctx, id.String())
		if err != nil {
			return nil, err
		}
		if _, err := s.count(ctx, id, &stored); err != nil {
			return nil, err
		}
		return nil, taken()
	}
	if err != nil {
		return nil, err
	}
	if j, err = s.count(ctx, id, &doc); err != nil {
		return nil, err
	}
	answer := &dataflowpb.AddTaskResponse{Job: s.jobProto(id.job, &j)}
	if doc.Count > 0 {
		answer.TaskId = id.String()
	}
	return answer, nil
}

func taken() error {
	return errs.Newf(errs.AlreadyExists, "the task is there already").Because("Taken")
}

func newTask(r *dataflowpb.AddTaskRequest) (taskDoc, error) {
	if len(r.GetEntries()) > maxEntries || len(r.GetSkipped()) > maxSkipped || r.GetEndKey() == "" {
		return taskDoc{}, errs.Newf(errs.InvalidArgument, "a task has at most %d entries, %d skipped objects, and an end key", maxEntries, maxSkipped)
	}
	doc := taskDoc{Count: int64(len(r.GetEntries())), EndKey: r.GetEndKey()}
	doc.Added.Total = doc.Count
	for _, e := range r.GetEntries() {
		doc.Added.TotalBytes += e.GetSize()
	}
	var err error
	if doc.Count > 0 {
		if doc.Entries, err = packEntries(r.GetEntries()); err != nil {
			return taskDoc{}, err
		}
	}
	if len(r.GetSkipped()) > 0 {
		for _, o := range r.GetSkipped() {
			if o.GetOutcome() != "skipped" {
				return taskDoc{}, errs.Newf(errs.InvalidArgument, "a walk skips objects only")
			}
		}
		c := tally(r.GetSkipped())
		c.Total, c.TotalBytes = c.Skipped, c.SkippedBytes
		doc.Added.add(c)
		if doc.Skipped, err = packLines(r.GetSkipped()); err != nil {
			return taskDoc{}, err
		}
	}
	if len(doc.Entries)+len(doc.Skipped) > maxDocument-16<<10 {
		return taskDoc{}, errs.Newf(errs.InvalidArgument, "a task is under 1 MiB")
	}
	return doc, nil
}

// count makes the job know of a stored task: once, by compare-and-set.
func (s *Service) count(ctx context.Context, id taskID, doc *taskDoc) (jobDoc, error) {
	return s.updateJob(ctx, id.job, func(j *jobDoc) error {
		switch {
		case j.Pass == id.pass && j.NextSeq > id.seq:
			return errSame
		case j.over():
			return jobOver()
		case j.Pass != id.pass || j.NextSeq != id.seq:
			return stale("the walk stands elsewhere")
		}
		j.NextSeq++
		j.Cursor = doc.EndKey
		j.Counters.add(doc.Added)
		if doc.Count > 0 {
			j.PassFound += doc.Count
			j.Open = append(j.Open, id.seq)
		}
		return nil
	})
}

// FinishPass implements dataflowpb.DataflowServer.
func (s *Service) FinishPass(ctx context.Context, r *dataflowpb.FinishPassRequest) (*dataflowpb.Job, error) {
	j, err := s.updateJob(ctx, r.GetJobId(), func(j *jobDoc) error {
		switch {
		case j.over():
			return jobOver()
		case j.Status != running || j.Pass != r.GetPass() || j.NextSeq != r.GetNextSeq() || j.TotalsFinal:
			return stale("the walk stands elsewhere")
		case r.GetLast():
			j.TotalsFinal = true
			j.settle()
			return nil
		case len(j.Open) > 0:
			return errs.Newf(errs.FailedPrecondition, "the pass has open tasks")
		case j.Pass >= maxPasses:
			j.end(failed, fmt.Sprintf("%d passes did not find an end", maxPasses))
			return nil
		}
		j.Passes = append(j.Passes, j.NextSeq)
		j.Pass, j.NextSeq, j.Cursor, j.PassFound = j.Pass+1, 0, "", 0
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.ended(ctx, r.GetJobId(), &j)
	return s.jobProto(r.GetJobId(), &j), nil
}

// ended logs and lets go of a job that this call may have closed.
func (s *Service) ended(ctx context.Context, id string, j *jobDoc) {
	if j.over() {
		s.log.InfoContext(ctx, "job ended", "job", id, "status", j.Status, "objects", j.Counters.Total, "failed", j.Counters.Failed, "error", j.Error)
		s.letGo(ctx, id, j)
	}
}

// fold adds a finished task's counts to its job by the compare-and-set that takes it off the open ones: once, however often it is called.
func (s *Service) fold(ctx context.Context, id taskID, result counters) error {
	changed := false
	j, err := s.updateJob(ctx, id.job, func(j *jobDoc) error {
		at := slices.Index(j.Open, id.seq)
		if changed = j.Pass == id.pass && at >= 0; !changed {
			return errSame
		}
		j.Open = slices.Delete(j.Open, at, at+1)
		j.Counters.add(result)
		j.settle()
		return nil
	})
	if err != nil {
		return err
	}
	s.live.finished(id)
	if changed {
		s.ended(ctx, id.job, &j)
	}
	return nil
}

// packEntries and unpackEntries keep the entries of a task small: keys of one range share long prefixes.
func packEntries(entries []*dataflowpb.Entry) ([]byte, error) {
	b, err := proto.Marshal(&dataflowpb.Task{Entries: entries})
	if err != nil {
		return nil, errs.New(errs.Internal, "a task cannot be encoded", err)
	}
	return compress(b)
}

func unpackEntries(b []byte) ([]*dataflowpb.Entry, error) {
	raw, err := decompress(b)
	if err != nil {
		return nil, err
	}
	var t dataflowpb.Task
	if err := proto.Unmarshal(raw, &t); err != nil {
		return nil, errs.New(errs.DataLoss, "a stored task cannot be read", err)
	}
	return t.Entries, nil
}

func compress(b []byte) ([]byte, error) {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("open compressor: %w", err)
	}
	defer w.Close()
	return w.EncodeAll(b, nil), nil
}

func decompress(b []byte) ([]byte, error) {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fmt.Errorf("open decompressor: %w", err)
	}
	defer r.Close()
	out, err := r.DecodeAll(b, nil)
	if err != nil {
		return nil, errs.New(errs.DataLoss, "a stored document cannot be decompressed", err)
	}
	return out, nil
}
