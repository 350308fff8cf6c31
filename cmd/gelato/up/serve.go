package up

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"google.golang.org/grpc"

	"github.com/opensds/gelato/backend"
	"github.com/opensds/gelato/cmd/gelato/assemble"
	"github.com/opensds/gelato/internal/cluster"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/internal/telemetry"
)

// serve runs everything until ctx ends and everything is drained.
func serve(ctx context.Context, s settings, tel *telemetry.Telemetry, out io.Writer) (err error) {
	defer func() { err = assemble.Stopped(ctx, err) }()
	assemble.TuneRuntime()
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		return errs.New(errs.InvalidArgument, "the data directory cannot be made", err)
	}
	box, err := seal.Load(s.masterKeyFile, true)
	if err != nil {
		return err
	}
	p := assemble.NewProcess(ctx, tel)
	deps := assemble.Deps{Telemetry: tel, Box: box}
	if deps.Queue, err = assemble.OpenQueue(ctx, s.queue, tel); err != nil {
		return err
	}
	defer deps.Queue.Close()
	access, secret, err := rootCredentials(s, out)
	if err != nil {
		return err
	}
	front, err := assemble.Listen("s3", "s3-listen", s.s3Listen, http.HandlerFunc(assemble.Starting), tel)
	if err != nil {
		return err
	}
	defer front.Close()
	rest, err := assemble.Listen("rest", "api-listen", s.apiListen, assemble.Ops(tel, assemble.Starting), tel)
	if err != nil {
		return err
	}
	defer rest.Close()
	if deps.State, err = assemble.OpenState(ctx, s.state, s.data, tel); err != nil {
		return err
	}
	defer func() { err = errors.Join(assemble.Stopped(ctx, err), deps.State.Close()) }()
	tel.Check("state", func(ctx context.Context) error { _, err := cluster.ID(ctx, deps.State); return err })
	if deps.Cluster, err = assemble.Identify(ctx, deps.State, box, tel.Log); err != nil {
		return err
	}
	if deps.Keyring, err = assemble.OpenKeyring(ctx, deps, s.encryption.KeyringFile, true); err != nil {
		return err
	}
	encryption, err := s.encryption.Encryption()
	if err != nil {
		return err
	}
	p.HTTP = []*assemble.HTTP{rest, front}
	p.Ready = func() { fmt.Fprintf(out, "gelato ready s3=http://%s api=http://%s\n", front.Addr(), rest.Addr()) }
	// Each service has a server of its own, as it would have in a process of its own.
	servers, conns := map[string]*rpc.Server{}, map[string]*grpc.ClientConn{}
	for _, name := range assemble.Names() {
		l, conn := rpc.Pipe()
		defer conn.Close()
		servers[name], conns[name] = rpc.NewServer(rpc.ServerOptions{Name: name, Logger: tel.Log.With("service", name)}), conn
		p.GRPC = append(p.GRPC, assemble.GRPC{Name: name, Server: servers[name], Listener: l})
	}
	deps.Peers = assemble.Peers{Backend: conns["backend"], S3: conns["s3"], Dataflow: conns["dataflow"], API: conns["api"]}
	deps.Stores = assemble.NewStores(deps)
	defer deps.Stores.Close()
	o := assemble.Options{RootAccess: access, RootSecret: secret, LocalDir: filepath.Join(s.data, backend.LocalName),
		Region: s.region, Domains: s.domains, Websites: s.websites, RefuseSigV2: !s.sigV2, ObjectOwnership: s.ownership, Encryption: encryption, GarbageGrace: s.garbageGrace, SweepInterval: s.sweepInterval,
		LeaseTTL: s.ttl, WriteTTL: s.writeTTL, AccessLogAge: s.accessLogAge, NotifyTargets: s.notifyTargets, NotifyTokens: s.notifyTokens}
	handlers := map[string]http.Handler{}
	for _, name := range assemble.Names() {
		service, err := assemble.Build(ctx, name, deps, o)
		if err != nil {
			return err
		}
		service.Register(servers[name])
		handlers[name] = service.Handler
		p.Services = append(p.Services, service)
	}
	front.Serve(handlers["s3"])
	rest.Serve(handlers["api"])
	p.Deps = deps
	return p.Run(ctx)
}
