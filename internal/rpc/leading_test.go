package rpc

import (
	"testing"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// TestLeading shows a follower as well, and as none that callers should go to, whatever else is said of it meanwhile.
func TestLeading(t *testing.T) {
	t.Parallel()
	s := NewServer(ServerOptions{Name: "dataflow"})
	want := func(when string, name, whole bool) {
		t.Helper()
		for service, want := range map[string]bool{"dataflow": name, "": whole} {
			r, err := s.health.Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
			if err != nil || (r.Status == healthpb.HealthCheckResponse_SERVING) != want {
				t.Errorf("%s: %q got %v, %v, want serving %v", when, service, r, err, want)
			}
		}
	}
	want("at start", true, true)
	s.SetLeading(false)
	want("as follower", false, true)
	s.SetServing(false)
	want("draining", false, false)
	s.SetLeading(true)
	want("leader of nothing", false, false)
	s.SetServing(true)
	want("as leader", true, true)
}
