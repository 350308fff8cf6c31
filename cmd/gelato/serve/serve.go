package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"google.golang.org/grpc"

	"github.com/opensds/gelato/cmd/gelato/assemble"
	"github.com/opensds/gelato/internal/cluster"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/internal/telemetry"
)

// handBack is how long a scheduler or datamover that ends tries to reach its peers, to hand back what it holds.
const handBack = 5 * time.Second

// serve runs the service until ctx ends and it is drained. What can be known to be wrong fails at once: files, addresses, the forms of URLs. What is
// only away is waited for: meanwhile HTTP answers that the service is not ready, and gRPC is listened on but not served.
func serve(ctx context.Context, s *settings, tel *telemetry.Telemetry, out io.Writer) (err error) {
	defer func() { err = assemble.Stopped(ctx, err) }()
	assemble.TuneRuntime()
	tel.Log = tel.Log.With("process", s.name)
	credentials, err := s.credentials()
	if err != nil {
		return err
	}
	d := assemble.Deps{Telemetry: tel}
	if s.masterKeyFile != "" {
		if d.Box, err = seal.Load(s.masterKeyFile, false); err != nil {
			return err
		}
	}
	if s.name == "api" {
		if s.o.RootAccess, s.o.RootSecret, err = assemble.RootCredentials(s.rootCredentialsFile, os.LookupEnv); err != nil {
			return err
		}
	}
	p := assemble.NewProcess(ctx, tel)
	ready := "gelato ready " + s.name
	listener, err := rpc.Listen(s.listen, credentials)
	if err != nil {
		return err
	}
	defer listener.Close()
	ready += " grpc=" + listener.Addr().String()
	server := rpc.NewServer(rpc.ServerOptions{Name: s.name, Credentials: credentials, Logger: tel.Log})
	p.GRPC = []assemble.GRPC{{Name: s.name, Server: server, Listener: listener}}
	var front *assemble.HTTP // what the service serves over HTTP
	starting := http.Handler(http.HandlerFunc(assemble.Starting))
	switch s.name {
	case "api": // it serves health and metrics beside REST
		starting = assemble.Ops(tel, assemble.Starting)
		fallthrough
	case "s3":
		if front, err = assemble.Listen(s.name, s.name+"-listen", s.frontListen, starting, tel); err != nil {
			return err
		}
		defer front.Close()
		p.HTTP = []*assemble.HTTP{front}
		ready += fmt.Sprintf(" %s=http://%s", s.name, front.Addr())
	}
	ops := front
	if s.name != "api" {
		if ops, err = assemble.Listen("ops", "ops-listen", s.opsListen, assemble.Ops(tel, http.NotFound), tel); err != nil {
			return err
		}
		defer ops.Close()
		p.Ops = ops
	}
	ready += " ops=http://" + ops.Addr()

	closePeers, err := s.dial(&d, credentials)
	defer closePeers()
	if err != nil {
		return err
	}
	if s.queue != "" {
		if d.Queue, err = assemble.OpenQueue(ctx, s.queue, tel); err != nil {
			return err
		}
		defer d.Queue.Close()
	}
	if d.State, err = assemble.OpenState(ctx, s.state, "", tel); err != nil {
		return err
	}
	defer func() { err = errors.Join(assemble.Stopped(ctx, err), d.State.Close()) }()
	tel.Check("state", func(ctx context.Context) error { _, err := cluster.ID(ctx, d.State); return err })
	if d.Cluster, err = assemble.Identify(ctx, d.State, d.Box, tel.Log); err != nil {
		return err
	}
	if d.Keyring, err = assemble.OpenKeyring(ctx, d, s.encryption.KeyringFile, false); err != nil {
		return err
	}
	if s.has("scheduler", "datamover") { // they serve nobody: what they still ask their peers is for themselves, and these may be gone as well
		defer context.AfterFunc(ctx, func() { time.AfterFunc(handBack, closePeers) })()
	}
	if s.has("s3", "scheduler", "datamover") {
		d.Stores = assemble.NewStores(d)
		defer d.Stores.Close()
	}
	s.o.RefuseSigV2 = !s.sigV2
	service, err := assemble.Build(ctx, s.name, d, s.o)
	if err != nil {
		return err
	}
	service.Register(server)
	if front != nil {
		front.Serve(service.Handler)
	}
	p.Deps, p.Services, p.Ready = d, []*assemble.Service{service}, func() { fmt.Fprintln(out, ready) }
	return p.Run(ctx)
}

// credentials are how the service and its peers know one another.
func (s *settings) credentials() (rpc.Credentials, error) {
	if s.tokenFile != "" {
		return rpc.Token(s.tokenFile)
	}
	c, err := rpc.TLS(s.tls)
	if err == nil && c.Role() != s.name {
		err = errs.Newf(errs.InvalidArgument, "the certificate %s is the service %s's, not %s's", s.tls.Cert, c.Role(), s.name)
	}
	return c, err
}

// dial makes the connections to peers, which need not be there.
func (s *settings) dial(d *assemble.Deps, c rpc.Credentials) (closeAll func(), err error) {
	var conns []*grpc.ClientConn
	closeAll = func() {
		for _, conn := range conns {
			conn.Close()
		}
	}
	for name, addrs := range s.peers {
		conn, err := rpc.Dial(name, *addrs, c, rpc.DialOptions{Logger: d.Telemetry.Log})
		if err != nil {
			return closeAll, fmt.Errorf("--peers-%s: %w", name, err)
		}
		conns = append(conns, conn)
		switch name {
		case "backend":
			d.Peers.Backend = conn
		case "s3":
			d.Peers.S3 = conn
		case "dataflow":
			d.Peers.Dataflow = conn
		case "api":
			d.Peers.API = conn
		}
	}
	return closeAll, nil
}
