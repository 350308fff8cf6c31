package datamover

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/catalogpb"
)

// flaky is a catalog of which the first calls fail, each kind of them in another way.
type flaky struct {
	catalogpb.CatalogClient
	commits, renews atomic.Int32
	reason          string
}

func (f *flaky) Begin(_ context.Context, r *catalogpb.BeginRequest, _ ...grpc.CallOption) (*catalogpb.BeginResponse, error) {
	return &catalogpb.BeginResponse{Grants: []*catalogpb.Grant{{WriteId: "w", TtlMillis: 30_000}}}, nil
}

func (f *flaky) Commit(context.Context, *catalogpb.CommitRequest, ...grpc.CallOption) (*catalogpb.CommitResponse, error) {
	result := &catalogpb.CommitResponse_Result{Rev: "r"}
	switch f.commits.Add(1) {
	case 1: // the answer is lost
		return nil, errs.Newf(errs.Unavailable, "a service is not available")
	case 2:
		result = &catalogpb.CommitResponse_Result{Failure: &catalogpb.Failure{Code: "unavailable", Reason: f.reason}}
	}
	return &catalogpb.CommitResponse{Results: []*catalogpb.CommitResponse_Result{result}}, nil
}

func (f *flaky) Renew(context.Context, *catalogpb.RenewRequest, ...grpc.CallOption) (*catalogpb.RenewResponse, error) {
	failure := &catalogpb.Failure{}
	switch f.renews.Add(1) {
	case 1:
		failure.Code = "unavailable"
	case 3:
		failure.Code, failure.Reason = "unavailable", writeExpired
	}
	return &catalogpb.RenewResponse{TtlMillis: 30_000, Failures: []*catalogpb.Failure{failure}}, nil
}

func TestCommitsAndRenewalsAreRepeated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason  string
		commits int32
		code    errs.Code
	}{{"UnknownOutcome", 3, errs.Unknown}, {writeExpired, 2, errs.Unavailable}} {
		synctest.Test(t, func(t *testing.T) {
			f := &flaky{reason: c.reason}
			w := newWrites(f, slog.New(slog.DiscardHandler))
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan bool)
			go func() {
				w.run(ctx)
				close(ended)
			}()
			g, err := w.begin(&catalogpb.Intent{Key: "k"})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(12500 * time.Millisecond) // renewed after a third of its time, and a second later again
			if n := f.renews.Load(); n != 2 {
				t.Errorf("%d renewals, want 2", n)
			}
			time.Sleep(time.Minute) // the third one says that it was given up
			if n := f.renews.Load(); n != 3 {
				t.Errorf("%d renewals, want 3", n)
			}
			rev, err := w.commit(t.Context(), g, &catalogpb.CommitRequest_Item{}, func() error { return nil })
			if errs.CodeOf(err) != c.code || f.commits.Load() != c.commits || (err == nil) != (rev == "r") {
				t.Errorf("got %q, %v after %d commits, want code %v after %d", rev, err, f.commits.Load(), c.code, c.commits)
			}
			cancel()
			<-ended
		})
	}
}
