package awss3_test

import (
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/awss3"
	"github.com/opensds/gelato/internal/errs"
)

func TestPresets(t *testing.T) {
	t.Parallel()
	reg := adapters.Registry{awss3.Type: awss3.Descriptor()}
	for _, c := range []struct {
		name, endpoint, preset string
		field                  string // that is wrong
		host                   string
		put, remove, checksum  bool // conditional, conditional, kept by the store
		class                  string
	}{
		{"AWS", "", "", "", "amazonaws.com", true, true, true, "STANDARD"},
		{"AWS by name", "", "aws", "", "amazonaws.com", true, true, true, "STANDARD"},
		{"AWS by an endpoint of its own", "https://s3-fips.us-east-1.amazonaws.com", "aws", "", "amazonaws.com", true, true, true, "STANDARD"},
		{"AWS by an endpoint, unnamed", "https://s3.eu-central-1.amazonaws.com", "", "", "amazonaws.com", false, false, false, ""},
		{"an unknown store", "http://127.0.0.1:9000", "", "", "127.0.0.1:9000", false, false, false, ""},
		{"MinIO", "http://127.0.0.1:9000", "minio", "", "127.0.0.1:9000", true, false, false, "STANDARD"},
		{"MinIO without an endpoint", "", "minio", "endpoint", "", false, false, false, ""},
		{"Google", "", "gcs", "", "storage.googleapis.com", false, false, false, "STANDARD"},
		{"Google by its endpoint", "https://storage.googleapis.com", "", "", "storage.googleapis.com", false, false, false, ""},
		{"IBM", "", "ibm-cos", "", "cloud-object-storage.appdomain.cloud", false, false, false, ""},
		{"IBM by its endpoint", "https://s3.eu-de.cloud-object-storage.appdomain.cloud", "ibm-cos", "", "cloud-object-storage.appdomain.cloud", false, false, false, ""},
		{"another one", "http://127.0.0.1:9000", "seaweed", "options.preset", "", false, false, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := adapters.Config{Type: awss3.Type, Endpoint: c.endpoint, BucketName: "bucket", Access: "a", Security: "s", Options: map[string]string{"preset": c.preset}}
			err := reg.Validate(config)
			if got := errs.ReasonOf(err); got != c.field || (err != nil) != (c.field != "") {
				t.Fatalf("got %v (reason %q), want %q", err, got, c.field)
			}
			if err != nil {
				return
			}
			if got := reg.HostOf(config); got != c.host {
				t.Errorf("host %q, want %q", got, c.host)
			}
			s, err := reg.Open(t.Context(), config, adapters.Deps{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			caps, class := s.Capabilities(), ""
			if len(caps.StorageClasses) > 0 {
				class = caps.StorageClasses[0]
			}
			if caps.ConditionalPut != c.put || caps.ConditionalDelete != c.remove || caps.StoresChecksum != c.checksum || class != c.class || !caps.ServerCopy {
				t.Errorf("got %+v", caps)
			}
		})
	}
}
