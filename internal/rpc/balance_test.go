package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/proto/identitypb"
)

// until calls ask until it answers want.
func until(t *testing.T, conn *grpc.ClientConn, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	for {
		got, err := ask(ctx, conn)
		if err != nil {
			t.Fatalf("waiting for %s: %v", want, err)
		}
		if got == want {
			return
		}
	}
}

// noLonger waits until a connection has left a state.
func noLonger(t *testing.T, conn *grpc.ClientConn, state connectivity.State) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if conn.GetState() == state && !conn.WaitForStateChange(ctx, state) {
		t.Fatalf("the connection stays %v", state)
	}
}

func TestCallsWaitForAPeerThatRestarts(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	first := start(t, listen(t, "127.0.0.1:0", f.of("api")), f.of("api"), answering("first"))
	conn := dial(t, f.of("s3"), rpc.DialOptions{}, first.addr)
	if got, err := ask(t.Context(), conn); err != nil || got != "first" {
		t.Fatalf("got %q, %v", got, err)
	}
	if err := first.kill(); err != nil {
		t.Fatal(err)
	}
	noLonger(t, conn, connectivity.Ready)
	type answer struct {
		got string
		err error
	}
	answers := make(chan answer)
	for range 10 {
		go func() {
			got, err := ask(t.Context(), conn)
			answers <- answer{got, err}
		}()
	}
	noLonger(t, conn, connectivity.Idle)
	noLonger(t, conn, connectivity.Connecting) // it has been refused at least once
	start(t, listen(t, first.addr, f.of("api")), f.of("api"), answering("second"))
	back := time.Now()
	for range 10 {
		if a := <-answers; a.err != nil || a.got != "second" {
			t.Errorf("got %q, %v", a.got, a.err)
		}
	}
	if took := time.Since(back); took > 5*time.Second {
		t.Errorf("the peer was found after %v", took)
	}
}

func TestCallsGoRoundRobinToWhoServes(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	one := start(t, listen(t, "127.0.0.1:0", f.of("api")), f.of("api"), answering("one"))
	two := start(t, listen(t, "127.0.0.1:0", f.of("api")), f.of("api"), answering("two"))
	two.SetServing(false)
	dead := listen(t, "127.0.0.1:0", f.of("api"))
	dead.Close()
	silent := listen(t, "127.0.0.1:0", f.of("api")) // connections are made, nobody answers
	defer silent.Close()
	conn := dial(t, f.of("s3"), rpc.DialOptions{}, dead.Addr().String(), silent.Addr().String(), one.addr, two.addr)
	for range 20 {
		if got, err := ask(t.Context(), conn); err != nil || got != "one" {
			t.Fatalf("got %q, %v; want one, who alone serves", got, err)
		}
	}
	two.SetServing(true)
	until(t, conn, "two")
	count := map[string]int{}
	for range 20 {
		got, err := ask(t.Context(), conn)
		if err != nil {
			t.Fatal(err)
		}
		count[got]++
	}
	if count["one"] < 7 || count["two"] < 7 { // the round starts anew whenever the state of an address changes
		t.Errorf("got %v, want about 10 each", count)
	}
	one.SetServing(false)
	until(t, conn, "two")
	if err := two.kill(); err != nil {
		t.Fatal(err)
	}
	noLonger(t, conn, connectivity.Ready)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := ask(ctx, conn); errs.CodeOf(err) != errs.Unavailable || errs.Public(err) != "the service api is not available" {
		t.Errorf("nobody serves: got %v", err)
	}
	one.SetServing(true)
	until(t, conn, "one")
}

func TestNobodyAtAnyAddress(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	dead := listen(t, "127.0.0.1:0", f.of("api"))
	dead.Close()
	conn := dial(t, f.of("s3"), rpc.DialOptions{}, dead.Addr().String())
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := ask(ctx, conn)
	if errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("unary: got %v, want Unavailable, as it was never sent", err)
	}
	if _, err := healthpb.NewHealthClient(conn).Watch(ctx, &healthpb.HealthCheckRequest{}); errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("stream: got %v, want Unavailable", err)
	}
}

func TestCallsWaitForNobodyOnlySoLong(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	dead := listen(t, "127.0.0.1:0", f.of("api"))
	dead.Close()
	conn := dial(t, f.of("s3"), rpc.DialOptions{Wait: 50 * time.Millisecond}, dead.Addr().String())
	began := time.Now()
	_, err := ask(t.Context(), conn)
	if errs.CodeOf(err) != errs.Unavailable || errs.Public(err) != "the service api is not available" || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("unary: got %v, want Unavailable, and why", err)
	}
	if _, err := healthpb.NewHealthClient(conn).Watch(t.Context(), &healthpb.HealthCheckRequest{}); errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("stream: got %v, want Unavailable", err)
	}
	if took := time.Since(began); took > limit/2 {
		t.Errorf("it took %v", took)
	}
}

func TestDeadlineAndCancellationReachTheHandler(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	arrived, left := make(chan struct{}, 1), make(chan error, 1)
	s := start(t, listen(t, "127.0.0.1:0", f.of("api")), f.of("api"), func(ctx context.Context, _ *identitypb.GetKeyRequest) (*identitypb.Key, error) {
		arrived <- struct{}{}
		<-ctx.Done()
		left <- ctx.Err()
		return nil, ctx.Err()
	})
	conn := dial(t, f.of("s3"), rpc.DialOptions{}, s.addr)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	if _, err := ask(ctx, conn); errs.CodeOf(err) != errs.Canceled {
		t.Errorf("cancelled: got %v", err)
	}
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the handler's context: %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := ask(ctx, conn); errs.CodeOf(err) != errs.DeadlineExceeded {
		t.Errorf("time limit: got %v", err)
	}
	<-arrived
	if err := <-left; err == nil {
		t.Error("the handler's context did not end")
	}
}

func TestMessagesAreLimited(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	s := start(t, listen(t, "127.0.0.1:0", f.of("api")), f.of("api"), func(_ context.Context, r *identitypb.GetKeyRequest) (*identitypb.Key, error) {
		if r.AccessKey == "too much" {
			return &identitypb.Key{SealedSecret: make([]byte, 17<<20)}, nil
		}
		return &identitypb.Key{SealedSecret: []byte(r.AccessKey)}, nil
	})
	client := identitypb.NewIdentityClient(dial(t, f.of("s3"), rpc.DialOptions{}, s.addr))
	big := string(bytes.Repeat([]byte("b"), 15<<20))
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if k, err := client.GetKey(ctx, &identitypb.GetKeyRequest{AccessKey: big}); err != nil || string(k.SealedSecret) != big {
		t.Errorf("15 MiB both ways: %v", err)
	}
	if _, err := client.GetKey(ctx, &identitypb.GetKeyRequest{AccessKey: string(make([]byte, 17<<20))}); errs.CodeOf(err) != errs.ResourceExhausted {
		t.Errorf("17 MiB there: %v", err)
	}
	if _, err := client.GetKey(ctx, &identitypb.GetKeyRequest{AccessKey: "too much"}); errs.CodeOf(err) != errs.ResourceExhausted {
		t.Errorf("17 MiB back: %v", err)
	}
}

func TestStopFinishesCallsAndSendsNewOnesElsewhere(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	var calls atomic.Int32
	one := start(t, listen(t, "127.0.0.1:0", f.of("api")), f.of("api"), func(context.Context, *identitypb.GetKeyRequest) (*identitypb.Key, error) {
		if calls.Add(1) == 1 { // others may still come until the caller knows better
			close(arrived)
			<-release
		}
		return &identitypb.Key{User: "one"}, nil
	})
	two := start(t, listen(t, "127.0.0.1:0", f.of("api")), f.of("api"), answering("two"))
	two.SetServing(false)
	conn := dial(t, f.of("s3"), rpc.DialOptions{}, one.addr, two.addr)
	// Another client watches what `one` says of itself.
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	watch, err := healthpb.NewHealthClient(dial(t, f.of("datamover"), rpc.DialOptions{}, one.addr)).Watch(ctx, &healthpb.HealthCheckRequest{Service: "api"})
	if err != nil {
		t.Fatal(err)
	}
	if h, err := watch.Recv(); err != nil || h.Status != healthpb.HealthCheckResponse_SERVING {
		t.Fatalf("got %v, %v", h, err)
	}
	answer := make(chan error, 1)
	go func() {
		got, err := ask(t.Context(), conn)
		if err == nil && got != "one" {
			err = errors.New("answered by " + got)
		}
		answer <- err
	}()
	<-arrived
	two.SetServing(true)
	stopped := make(chan struct{})
	go func() { rpc.Stop(one.Server, limit); close(stopped) }()
	if h, err := watch.Recv(); err != nil || h.Status != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("before it stops: got %v, %v; want NOT_SERVING", h, err)
	}
	leave()
	until(t, conn, "two")
	select {
	case <-stopped:
		t.Error("it stopped with a call under way")
	default:
	}
	close(release)
	if err := <-answer; err != nil {
		t.Errorf("the call under way: %v", err)
	}
	<-stopped
	if err := <-one.done; err != nil {
		t.Errorf("serve: %v", err)
	}
}

func TestStopGivesCallsTheirGraceOnly(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	arrived := make(chan struct{}, 1)
	s := start(t, listen(t, "127.0.0.1:0", f.of("api")), f.of("api"), func(ctx context.Context, _ *identitypb.GetKeyRequest) (*identitypb.Key, error) {
		arrived <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	})
	conn := dial(t, f.of("s3"), rpc.DialOptions{}, s.addr)
	answer := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	go func() { _, err := ask(ctx, conn); answer <- err }()
	<-arrived
	rpc.Stop(s.Server, 10*time.Millisecond)
	if err := <-answer; err == nil {
		t.Error("the call succeeded")
	}
	if err := <-s.done; err != nil {
		t.Errorf("serve: %v", err)
	}
}

// flaky answers Unavailable some times to each call.
type flaky struct {
	catalogpb.UnimplementedCatalogServer
	calls, failures int
}

func (f *flaky) fail() error {
	if f.calls++; f.calls <= f.failures {
		return errs.Newf(errs.Unavailable, "the state is away")
	}
	return nil
}

func (f *flaky) GetBucket(context.Context, *catalogpb.GetBucketRequest) (*catalogpb.Bucket, error) {
	return &catalogpb.Bucket{}, f.fail()
}

func (f *flaky) Commit(context.Context, *catalogpb.CommitRequest) (*catalogpb.CommitResponse, error) {
	return &catalogpb.CommitResponse{}, f.fail()
}

func TestOnlyRepeatableCallsAreRepeated(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	get := func(ctx context.Context, c catalogpb.CatalogClient) error {
		_, err := c.GetBucket(ctx, &catalogpb.GetBucketRequest{})
		return err
	}
	commit := func(ctx context.Context, c catalogpb.CatalogClient) error {
		_, err := c.Commit(ctx, &catalogpb.CommitRequest{})
		return err
	}
	api, s3 := f.of("api"), f.of("s3")
	for _, c := range []struct {
		name            string
		call            func(context.Context, catalogpb.CatalogClient) error
		failures, calls int
		ok              bool
	}{
		{"a read, in the end answered", get, 3, 4, true},
		{"a read, never answered", get, 9, 4, false},
		{"a change", commit, 1, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := listen(t, "127.0.0.1:0", s3)
			server, service := rpc.NewServer(rpc.ServerOptions{Name: "s3", Credentials: s3}), &flaky{failures: c.failures}
			catalogpb.RegisterCatalogServer(server, service)
			go server.Serve(l)
			defer server.Stop()
			conn, err := rpc.Dial("s3", []string{l.Addr().String()}, api, rpc.DialOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			err = c.call(ctx, catalogpb.NewCatalogClient(conn))
			if (err == nil) != c.ok || err != nil && errs.Public(err) != "the state is away" {
				t.Errorf("got %v", err)
			}
			server.Stop()
			if service.calls != c.calls {
				t.Errorf("%d calls, want %d", service.calls, c.calls)
			}
		})
	}
}

func TestADialledNameStandsForAllItsAddresses(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	s := start(t, listen(t, "127.0.0.1:0", f.of("api")), f.of("api"), answering("api"))
	_, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ask(t.Context(), dial(t, f.of("s3"), rpc.DialOptions{}, net.JoinHostPort("localhost", port))); err != nil || got != "api" {
		t.Errorf("got %q, %v", got, err)
	}
}
