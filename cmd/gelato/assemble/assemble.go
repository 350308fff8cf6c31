// Package assemble builds the six services, each by one function (services.go), from what it is given: state, queue, connections to its peers, the master
// key and options. `gelato up` builds all of them in one process with connections in memory, `gelato serve NAME` one of them; there is no other
// wiring. Only cmd imports it.
//
// Nothing here fails because something else is not there yet: what needs the state waits for it.
package assemble

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"google.golang.org/grpc"

	"github.com/opensds/gelato/adapters/pool"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/lease"
	"github.com/opensds/gelato/internal/queue"
	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/internal/run"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/internal/telemetry"
	"github.com/opensds/gelato/s3/keyring"
)

// Drain is how long requests under way may take to finish once the process is told to end.
const Drain = 20 * time.Second

// Deps is what the services of one process share. A service needs what its function says.
type Deps struct {
	Telemetry *telemetry.Telemetry
	State     docstore.Store
	Cluster   string // the cluster's id, which Identify reads from the state
	Box       *seal.Box
	Queue     queue.Queue
	Peers     Peers
	Stores    *pool.Pool    // opened stores, from NewStores
	Keyring   *keyring.Ring // keys of the gateway's encryption, from OpenKeyring; may be nil
}

// Peers are the connections to the services that others call.
type Peers struct{ Backend, S3, Dataflow, API grpc.ClientConnInterface }

// Options tunes the services. What is zero has the default of its service, but for the durations that say otherwise.
type Options struct {
	RootAccess, RootSecret string // api: the root key, made sure of at start
	LocalDir               string // backend: directory of the backend "local", registered on the very first start; empty: none

	Region          string        // s3, backend: the gateway's region
	Websites        []string      // s3: domains of websites
	Domains         []string      // s3: of virtual-host style requests
	Encryption      Encryption    // s3
	RefuseSigV2     bool          // s3: Signature Version 2 is refused
	ObjectOwnership string        // s3: of new buckets whose creator does not say
	GarbageGrace    time.Duration // s3: how long replaced bytes stay
	SweepInterval   time.Duration // s3: between two passes of the journal's readers
	NotifyTargets   []string      // s3: NAME=URL of what notifications are sent to
	NotifyTokens    []string      // s3: NAME=FILE of the tokens of webhooks
	AccessLogAge    time.Duration // s3: how old records of access logs get before they are written
	WriteTTL        time.Duration // s3: how long a write goes on without being renewed
	LeaseTTL        time.Duration // dataflow: how long a lost datamover holds its tasks
	LeaderTTL       time.Duration // s3, dataflow, scheduler: how long a lost process holds its shards and its leadership; LeaseTTL if that is shorter than its default

	Tasks, Objects, Large, Parts int // datamover: what it does at once
}

// Encryption is what s3 does about encryption by itself.
type Encryption struct {
	Default string         // of buckets without an encryption configuration: AES256, aws:kms; empty: none
	Plain   bool           // take keys of SSE-C over connections that others can read along
	Proxies []netip.Prefix // whose X-Forwarded-Proto is believed
}

// leader is LeaderTTL with its default.
func (o Options) leader() time.Duration {
	switch {
	case o.LeaderTTL > 0:
		return o.LeaderTTL
	case o.LeaseTTL > 0:
		return min(o.LeaseTTL, lease.DefaultTTL)
	}
	return lease.DefaultTTL
}

// Service is one service, assembled and not yet running.
type Service struct {
	Name     string
	Register func(grpc.ServiceRegistrar) // adds what it serves over gRPC
	Handler  http.Handler                // what it serves over HTTP; nil: nothing
	Loops    []run.Part                  // its background work, which ends when requests are over
	Streams  []run.Part                  // what must end before its requests can be over
	First    func(context.Context) error // to be done once at every start, before it is ready; nil: nothing. It may be repeated
}

// Names returns the names of the services, in the order in which one process starts them; it drains them in the reverse order.
func Names() []string { return []string{"backend", "api", "s3", "dataflow", "scheduler", "datamover"} }

// Build builds the service of that name.
func Build(ctx context.Context, name string, d Deps, o Options) (*Service, error) {
	switch name {
	case "backend":
		return Backend(ctx, d, o)
	case "api":
		return API(ctx, d, o)
	case "s3":
		return S3(ctx, d, o)
	case "dataflow":
		return Dataflow(ctx, d, o)
	case "scheduler":
		return Scheduler(ctx, d, o)
	case "datamover":
		return Datamover(ctx, d, o)
	}
	return nil, errs.Newf(errs.InvalidArgument, "there is no service %q", name)
}

// Calls returns the services that a service calls, in alphabetical order.
func Calls(name string) []string {
	var called []string
	for _, s := range slices.Sorted(slices.Values(Names())) {
		if slices.Contains(rpc.Callers(s), name) {
			called = append(called, s)
		}
	}
	return called
}
