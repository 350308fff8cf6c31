package azureblob

import (
	"strings"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

func TestParse(t *testing.T) {
	t.Parallel()
	kind := func(v string) map[string]string { return map[string]string{"credential": v} }
	const key, token = "c2VjcmV0", "sv=2024-08-04&sig=c2ln&se=2030-01-01"
	for _, c := range []struct {
		name string
		c    adapters.Config
		want parsed // of a good one
		bad  string // the field to blame
	}{
		{name: "key", c: adapters.Config{Access: "acc1", Security: key}, want: parsed{"https://acc1.blob.core.windows.net", "acc1", key, ""}},
		{name: "key, endpoint", c: adapters.Config{Access: "acc1", Security: key, Endpoint: "http://127.0.0.1:1/acc1"}, want: parsed{"http://127.0.0.1:1/acc1", "acc1", key, ""}},
		{name: "web", c: adapters.Config{BucketName: "$web", Access: "acc1", Security: key}, want: parsed{"https://acc1.blob.core.windows.net", "acc1", key, ""}},
		{name: "SAS", c: adapters.Config{Access: "acc1", Security: "?" + token, Options: kind("sas")}, want: parsed{"https://acc1.blob.core.windows.net", "acc1", "", token}},
		{name: "SAS, endpoint alone", c: adapters.Config{Endpoint: "https://h", Security: token, Options: kind("sas")}, want: parsed{"https://h", "", "", token}},
		{name: "SAS of a policy", c: adapters.Config{Endpoint: "https://h", Security: "si=p&sig=x", Options: kind("sas")}, want: parsed{"https://h", "", "", "si=p&sig=x"}},
		{name: "connection string", c: adapters.Config{Security: "DefaultEndpointsProtocol=https;AccountName=acc1;AccountKey=" + key + "==;EndpointSuffix=core.chinacloudapi.cn", Options: kind("connection-string")}, bad: "security"},
		{name: "connection string, key", c: adapters.Config{Security: "DefaultEndpointsProtocol=https;AccountName=acc1;AccountKey=" + key + ";EndpointSuffix=core.chinacloudapi.cn\n", Options: kind("connection-string")},
			want: parsed{"https://acc1.blob.core.chinacloudapi.cn", "acc1", key, ""}},
		{name: "connection string, SAS", c: adapters.Config{Security: "BlobEndpoint=http://h:1/acc1;SharedAccessSignature=" + token, Options: kind("connection-string")}, want: parsed{"http://h:1/acc1", "", "", token}},
		{name: "connection string, own endpoint", c: adapters.Config{Access: "acc1", Endpoint: "http://h", Security: "AccountName=acc1;AccountKey=" + key, Options: kind("connection-string")}, want: parsed{"http://h", "acc1", key, ""}},

		{name: "short container", c: adapters.Config{BucketName: "ab"}, bad: "bucketName"},
		{name: "long container", c: adapters.Config{BucketName: strings.Repeat("a", 64)}, bad: "bucketName"},
		{name: "upper case", c: adapters.Config{BucketName: "Abc"}, bad: "bucketName"},
		{name: "two hyphens", c: adapters.Config{BucketName: "a--b"}, bad: "bucketName"},
		{name: "hyphen at the end", c: adapters.Config{BucketName: "abc-"}, bad: "bucketName"},
		{name: "path", c: adapters.Config{BucketName: "abc/d"}, bad: "bucketName"},
		{name: "no account", c: adapters.Config{Security: key}, bad: "access"},
		{name: "bad account", c: adapters.Config{Access: "Acc_1", Security: key}, bad: "access"},
		{name: "key not base64", c: adapters.Config{Access: "acc1", Security: "sec ret"}, bad: "security"},
		{name: "no key", c: adapters.Config{Access: "acc1"}, bad: "security"},
		{name: "a SAS for a key", c: adapters.Config{Access: "acc1", Security: token}, bad: "security"},
		{name: "SAS without account", c: adapters.Config{Security: token, Options: kind("sas")}, bad: "access"},
		{name: "SAS without sig", c: adapters.Config{Access: "acc1", Security: "se=2030-01-01", Options: kind("sas")}, bad: "security"},
		{name: "SAS without end", c: adapters.Config{Access: "acc1", Security: "sig=x", Options: kind("sas")}, bad: "security"},
		{name: "empty SAS", c: adapters.Config{Access: "acc1", Security: "?", Options: kind("sas")}, bad: "security"},
		{name: "no list", c: adapters.Config{Security: "what", Options: kind("connection-string")}, bad: "security"},
		{name: "nothing secret", c: adapters.Config{Security: "AccountName=acc1", Options: kind("connection-string")}, bad: "security"},
		{name: "no name", c: adapters.Config{Security: "AccountKey=" + key, Options: kind("connection-string")}, bad: "security"},
		{name: "no place", c: adapters.Config{Security: "SharedAccessSignature=" + token, Options: kind("connection-string")}, bad: "security"},
		{name: "bad place", c: adapters.Config{Security: "BlobEndpoint=ftp://h;SharedAccessSignature=" + token, Options: kind("connection-string")}, bad: "security"},
		{name: "both", c: adapters.Config{Security: "AccountName=acc1;AccountKey=" + key + ";SharedAccessSignature=" + token, Options: kind("connection-string")}, bad: "security"},
		{name: "emulator's short form", c: adapters.Config{Security: "UseDevelopmentStorage=true", Options: kind("connection-string")}, bad: "security"},
		{name: "other account", c: adapters.Config{Access: "acc2", Security: "AccountName=acc1;AccountKey=" + key, Options: kind("connection-string")}, bad: "access"},
		{name: "endpoint", c: adapters.Config{Access: "acc1", Security: key, Endpoint: "acc1.example.com"}, bad: "endpoint"},
		{name: "endpoint with a token", c: adapters.Config{Access: "acc1", Security: key, Endpoint: "https://h/?sig=x"}, bad: "endpoint"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.c.BucketName == "" {
				c.c.BucketName = "container"
			}
			got, err := parse(c.c)
			if c.bad == "" && (err != nil || got != c.want) {
				t.Errorf("got %+v, %v, want %+v", got, err, c.want)
			}
			if c.bad != "" && (!errs.Is(err, errs.InvalidArgument) || errs.ReasonOf(err) != c.bad) {
				t.Errorf("error %v (%q), want %v because of %q", err, errs.ReasonOf(err), errs.InvalidArgument, c.bad)
			}
			if err != nil && (strings.Contains(err.Error(), key) || strings.Contains(err.Error(), "c2ln")) {
				t.Errorf("the secret is in %q", err)
			}
		})
	}
}

func TestHost(t *testing.T) {
	t.Parallel()
	same := []adapters.Config{
		{BucketName: "abc", Access: "acc1", Security: "c2VjcmV0"},
		{BucketName: "abc", Access: "acc1", Security: "c2VjcmV0", Endpoint: "https://ACC1.blob.core.windows.net:443/"},
		{BucketName: "abc", Security: "AccountName=acc1;AccountKey=c2VjcmV0", Options: map[string]string{"credential": "connection-string"}},
	}
	for _, c := range same {
		if got, want := host(c), "acc1.blob.core.windows.net"; got != want {
			t.Errorf("host of %+v = %q, want %q", c, got, want)
		}
	}
	a := host(adapters.Config{BucketName: "abc", Access: "one", Security: "c2VjcmV0", Endpoint: "http://127.0.0.1:1/one"})
	b := host(adapters.Config{BucketName: "abc", Access: "two", Security: "c2VjcmV0", Endpoint: "http://127.0.0.1:1/two/"})
	if a != "127.0.0.1:1/one" || b != "127.0.0.1:1/two" {
		t.Errorf("accounts of one emulator are at %q and %q", a, b)
	}
}
