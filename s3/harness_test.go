package s3

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/grpc"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/adaptertest"
	"github.com/opensds/gelato/adapters/all"
	"github.com/opensds/gelato/adapters/pool"
	"github.com/opensds/gelato/adapters/posix"
	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/internal/docstore/docstoretest"
	"github.com/opensds/gelato/internal/docstore/pebble"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/httpx"
	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/internal/userid"
	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/identitypb"
	"github.com/opensds/gelato/s3/catalog"
)

const (
	rootKey    = "rootkey"
	rootSecret = "rootsecret"
	userKey    = "userkey"
	userSecret = "usersecret"

	otherKey    = "otherkey"
	otherSecret = "othersecret"
)

// gateway is a running s3 service on posix backends "a" (the default) and "b", over real listeners.
type gateway struct {
	t       *testing.T
	url     string
	pool    *pool.Pool
	catalog *catalog.Catalog
	service *Service
	reg     *registry
	docs    *docstoretest.Faulty
}

// registry serves the backends and access keys of a test over gRPC, as the backend and api services do.
type registry struct {
	backendpb.UnimplementedBackendsServer
	identitypb.UnimplementedIdentityServer

	mu       sync.Mutex
	backends map[string]*backendpb.Backend // by id
	asked    func(idOrName string)         // called by Get
	keys     map[string]*identitypb.Key
}

func (r *registry) Get(_ context.Context, in *backendpb.GetRequest) (*backendpb.Backend, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asked != nil {
		r.asked(in.IdOrName)
	}
	for _, b := range r.backends {
		if b.Id == in.IdOrName || b.Name == in.IdOrName {
			return b, nil
		}
	}
	return nil, errs.Newf(errs.NotFound, "no such backend")
}

func (r *registry) List(context.Context, *backendpb.ListRequest) (*backendpb.ListResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &backendpb.ListResponse{Backends: slices.Collect(maps.Values(r.backends))}, nil
}

func (r *registry) GetKey(_ context.Context, in *identitypb.GetKeyRequest) (*identitypb.Key, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.keys[in.AccessKey]; k != nil {
		return k, nil
	}
	return nil, errs.Newf(errs.NotFound, "no such key")
}

// GetUser knows the users of the keys: their display name is the name in capitals, their address at example.com.
func (r *registry) GetUser(_ context.Context, in *identitypb.GetUserRequest) (*identitypb.User, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.keys {
		u := &identitypb.User{Name: k.User, CanonicalId: userid.Of(k.User), DisplayName: strings.ToUpper(k.User), Email: k.User + "@example.com"}
		if in.GetName() == u.Name || in.GetCanonicalId() == u.CanonicalId || strings.EqualFold(in.GetEmail(), u.Email) {
			return u, nil
		}
	}
	return nil, errs.Newf(errs.NotFound, "no such user")
}

func newGateway(t *testing.T, o Options) *gateway {
	t.Helper()
	return newGatewayOn(t, o, nil)
}

// newGatewayOn has the store b as backend "b", unless that is nil.
func newGatewayOn(t *testing.T, o Options, b *adaptertest.Limited) *gateway {
	t.Helper()
	types := all.Registry()
	box, err := seal.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	reg := &registry{backends: map[string]*backendpb.Backend{}, keys: map[string]*identitypb.Key{}}
	for _, name := range []string{"a", "b"} {
		reg.backends["id-"+name] = &backendpb.Backend{Id: "id-" + name, Name: name, Type: "posix", BucketName: t.TempDir(), IsDefault: name == "a", Rev: "1", State: "ready",
			Options: map[string]string{"sync": "false"}}
	}
	if b != nil {
		inner := types[posix.Type]
		open := inner.Open
		inner.Open = func(ctx context.Context, c adapters.Config, d adapters.Deps) (_ adapters.Store, err error) {
			b.Store, err = open(ctx, c, d)
			return b, err
		}
		types["limited"] = inner
		reg.backends["id-b"].Type = "limited"
	}
	reg.addKey(box, rootKey, rootSecret, "root", true)
	reg.addKey(box, userKey, userSecret, "user", true)
	reg.addKey(box, otherKey, otherSecret, "other", true)
	reg.addKey(box, "disabledkey", userSecret, "user", false)

	listener, conn := rpc.Pipe()
	server := rpc.NewServer(rpc.ServerOptions{})
	backendpb.RegisterBackendsServer(server, reg)
	identitypb.RegisterIdentityServer(server, reg)
	serve(t, func(context.Context) error { return server.Serve(listener) }, server.Stop)
	t.Cleanup(func() { conn.Close() })

	client := backendpb.NewBackendsClient(conn)
	stores := pool.New(client, box, types, pool.Options{})
	t.Cleanup(stores.Close)
	heads, state := newCatalog(t, stores)
	service, err := New(Deps{Catalog: heads, Places: stores, Backends: client, Identity: identitypb.NewIdentityClient(conn), Secrets: box}, o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := httpx.NewServer(service.Handler(), service.o.Log)
	serve(t, func(context.Context) error { return web.Serve(l) }, func() { web.Close() })
	return &gateway{t: t, reg: reg, docs: state, url: "http://" + l.Addr().String(), pool: stores, catalog: heads, service: service}
}

func (r *registry) addKey(box *seal.Box, access, secret, user string, enabled bool) {
	r.keys[access] = &identitypb.Key{AccessKey: access, SealedSecret: box.Seal("key/"+access, []byte(secret)), User: user, Tenant: "default", Enabled: enabled}
}

// newCatalog is a catalog whose documents are in memory.
func newCatalog(t *testing.T, stores *pool.Pool) (*catalog.Catalog, *docstoretest.Faulty) {
	t.Helper()
	docs, err := pebble.Open("state", pebble.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { docs.Close() })
	state := docstoretest.NewFaulty(docs, docstoretest.Faults{})
	c, err := catalog.New(state, stores, blob.TagOf("test"), catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c, state
}

// serve runs f until the test is over and waits for it.
func serve(t *testing.T, f func(context.Context) error, stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	t.Cleanup(func() {
		cancel()
		stop()
		if err := <-done; err != nil && !errors.Is(err, grpc.ErrServerStopped) && !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	})
}

// sdk is a client with the SDK's defaults.
func (g *gateway) sdk(access, secret string) *awss3.Client {
	return awss3.New(awss3.Options{
		BaseEndpoint: aws.String(g.url), Region: "us-east-1", UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(access, secret, ""),
	})
}

func (g *gateway) root() *awss3.Client { return g.sdk(rootKey, rootSecret) }

// bucket makes a bucket on a backend, on the default one when backend is empty.
func (g *gateway) bucket(name, backend string) string {
	g.t.Helper()
	body := ""
	if backend != "" {
		body = "<CreateBucketConfiguration><LocationConstraint>" + backend + "</LocationConstraint></CreateBucketConfiguration>"
	}
	if a := g.send(call{method: "PUT", path: "/" + name, body: []byte(body)}); a.status != http.StatusOK {
		g.t.Fatalf("create bucket: %d %s", a.status, a.body)
	}
	return name
}

// blobs lists what a backend holds natively.
func (g *gateway) blobs(backend string) []string {
	g.t.Helper()
	store, err := g.pool.Store(g.t.Context(), "id-"+backend)
	if err != nil {
		g.t.Fatal(err)
	}
	page, err := store.List(g.t.Context(), "", "", 1000)
	if err != nil {
		g.t.Fatal(err)
	}
	var keys []string
	for _, o := range page.Objects {
		keys = append(keys, o.Key)
	}
	return keys
}

// state is all that a client can see of the gateway, and what the stores hold.
func (g *gateway) state() string {
	g.t.Helper()
	var text string
	c := g.root()
	list, err := c.ListBuckets(g.t.Context(), nil)
	if err != nil {
		g.t.Fatal(err)
	}
	for _, b := range list.Buckets {
		objects, err := c.ListObjectsV2(g.t.Context(), &awss3.ListObjectsV2Input{Bucket: b.Name})
		if err != nil {
			g.t.Fatal(err)
		}
		text += "bucket " + *b.Name + "\n"
		for _, o := range objects.Contents {
			text += fmt.Sprintf("  %s %s %d %v\n", *o.Key, *o.ETag, *o.Size, o.LastModified)
		}
		uploads, err := c.ListMultipartUploads(g.t.Context(), &awss3.ListMultipartUploadsInput{Bucket: b.Name})
		if err != nil {
			g.t.Fatal(err)
		}
		for _, u := range uploads.Uploads {
			parts, err := c.ListParts(g.t.Context(), &awss3.ListPartsInput{Bucket: b.Name, Key: u.Key, UploadId: u.UploadId})
			if err != nil {
				g.t.Fatal(err)
			}
			text += fmt.Sprintf("  upload %s %s, %d parts\n", *u.Key, *u.UploadId, len(parts.Parts))
		}
	}
	return text + fmt.Sprint(g.blobs("a"), g.blobs("b"))
}

// wantCode checks the S3 error code of an SDK error.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		t.Errorf("got %v, want %s", err, code)
	}
}
