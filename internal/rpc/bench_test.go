package rpc_test

import (
	"context"
	"fmt"
	"testing"

	"google.golang.org/grpc"

	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/proto/identitypb"
)

// BenchmarkUnary measures a call over each kind of connection, one caller at a time and 16 at once, with small messages and with ones of 64 KiB.
func BenchmarkUnary(b *testing.B) {
	f, shared := newFolder(b), token(b, secret)
	pipe := func(b *testing.B) *grpc.ClientConn {
		l, conn := rpc.Pipe()
		start(b, l, rpc.Credentials{}, echo)
		b.Cleanup(func() { conn.Close() })
		return conn
	}
	network := func(server, client rpc.Credentials) func(b *testing.B) *grpc.ClientConn {
		return func(b *testing.B) *grpc.ClientConn {
			return dial(b, client, rpc.DialOptions{}, start(b, listen(b, "127.0.0.1:0", server), server, echo).addr)
		}
	}
	for _, over := range []struct {
		name string
		conn func(*testing.B) *grpc.ClientConn
	}{
		{"pipe", pipe}, {"token", network(shared, shared)}, {"tls", network(f.of("api"), f.of("s3"))},
	} {
		for _, size := range []int{100, 64 << 10} {
			for _, callers := range []int{1, 16} {
				b.Run(fmt.Sprintf("%s/%d/callers=%d", over.name, size, callers), func(b *testing.B) {
					client := identitypb.NewIdentityClient(over.conn(b))
					request := &identitypb.GetKeyRequest{AccessKey: string(make([]byte, size))}
					if _, err := client.GetKey(b.Context(), request); err != nil {
						b.Fatal(err)
					}
					b.ReportAllocs()
					b.SetParallelism((callers + 1) / 2) // on two cores
					b.ResetTimer()
					if callers == 1 {
						for b.Loop() {
							if _, err := client.GetKey(b.Context(), request); err != nil {
								b.Fatal(err)
							}
						}
						return
					}
					b.RunParallel(func(p *testing.PB) {
						for p.Next() {
							if _, err := client.GetKey(b.Context(), request); err != nil {
								b.Error(err)
								return
							}
						}
					})
				})
			}
		}
	}
}

func echo(_ context.Context, r *identitypb.GetKeyRequest) (*identitypb.Key, error) {
	return &identitypb.Key{SealedSecret: []byte(r.AccessKey)}, nil
}
