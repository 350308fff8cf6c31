package testbed

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/opensds/gelato/internal/testbed/s3lite"
)

// CephClasses are the storage classes that a CephCluster's gateway has beside STANDARD in the placement target "default-placement".
// Each has a pool of its own.
var CephClasses = []string{"STANDARD_IA", "GLACIER"}

// CephPlacement is another placement target, with the class STANDARD alone.
const CephPlacement = "other-placement"

// Gateway is a Ceph cluster's way in by S3 (radosgw), path style, in the region "default".
type Gateway struct {
	Endpoint       string // "http://127.0.0.1:PORT", the same after Restart
	SecureEndpoint string // "https://127.0.0.1:PORT": the same buckets with TLS
	CAFile         string // the certificate of the authority that signed the server's

	Access, Secret           string // of the user who owns the buckets of CreateBucket
	OtherAccess, OtherSecret string // of another user, who may not see them
}

// gatewayPools are made beforehand: the gateway would take seconds to make them by itself.
func gatewayPools() []string {
	pools := []string{
		".rgw.root", "default.rgw.log", "default.rgw.control", "default.rgw.meta", "default.rgw.otp",
		"default.rgw.buckets.index", "default.rgw.buckets.data", "default.rgw.buckets.non-ec", "other.rgw.buckets.data",
	}
	for _, class := range CephClasses {
		pools = append(pools, classPool(class))
	}
	return pools
}

func classPool(class string) string { return "default.rgw.buckets." + class }

// startGateway makes the zone and the users, and starts radosgw.
func (c *CephCluster) startGateway() {
	c.t.Helper()
	c.CAFile = filepath.Join(c.dir, "ca.pem")
	server := filepath.Join(c.dir, "server.pem")
	if err := writeCertificates(c.CAFile, server); err != nil {
		c.t.Fatalf("make certificates: %v", err)
	}
	c.Access, c.Secret, c.OtherAccess, c.OtherSecret = rand.Text(), rand.Text(), rand.Text(), rand.Text()
	if err := c.makeZone(); err != nil {
		c.t.Fatalf("make the gateway's zone: %v", err)
	}
	var frontends string
	c.rgw.launch(c.t, "radosgw", func() {
		plain, secure := strconv.Itoa(FreePort(c.t)), strconv.Itoa(FreePort(c.t))
		c.Endpoint, c.SecureEndpoint = "http://127.0.0.1:"+plain, "https://127.0.0.1:"+secure
		// Without tcp_nodelay each small answer takes 40 ms.
		frontends = "beast endpoint=127.0.0.1:" + plain + " ssl_endpoint=127.0.0.1:" + secure + " ssl_certificate=" + server + " tcp_nodelay=1"
	}, func() (*Process, error) {
		return startAnswering(c.command("radosgw", "-n", "client.rgw", "-f", "--rgw-frontends", frontends), c.gatewayAnswers)
	})
}

// makeZone makes the default zone with its classes and placement targets, and the users.
func (c *CephCluster) makeZone() error {
	var commands [][]string
	// The first command makes the default zone and its group.
	for name, keys := range map[string][2]string{"gelato": {c.Access, c.Secret}, "other": {c.OtherAccess, c.OtherSecret}} {
		commands = append(commands, []string{"user", "create", "--uid", name, "--display-name", name, "--access-key", keys[0], "--secret-key", keys[1]})
	}
	place := func(target, class, data string, pools ...string) {
		commands = append(commands,
			[]string{"zonegroup", "placement", "add", "--rgw-zonegroup", "default", "--placement-id", target, "--storage-class", class},
			append([]string{"zone", "placement", "add", "--rgw-zone", "default", "--placement-id", target, "--storage-class", class, "--data-pool", data}, pools...))
	}
	for _, class := range CephClasses {
		place("default-placement", class, classPool(class))
	}
	place(CephPlacement, "STANDARD", "other.rgw.buckets.data", "--index-pool", "default.rgw.buckets.index", "--data-extra-pool", "default.rgw.buckets.non-ec")
	for _, args := range commands {
		ctx, cancel := context.WithTimeout(context.Background(), cephCommandTimeout)
		err := run(c.commandContext(ctx, "radosgw-admin", append([]string{"-n", "client.rgw"}, args...)...), "")
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// gatewayAnswers asks both doors without a signature: any HTTP answer will do.
func (c *CephCluster) gatewayAnswers() error {
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots}}}
	for _, endpoint := range []string{c.Endpoint, c.SecureEndpoint} {
		resp, err := client.Get(endpoint + "/")
		if err != nil {
			return err
		}
		if err := resp.Body.Close(); err != nil {
			return err
		}
	}
	return nil
}

// CreateBucket makes an empty bucket in the default placement target.
func (c *CephCluster) CreateBucket(name string) { c.t.Helper(); c.CreateBucketIn(name, "") }

// CreateBucketIn makes an empty bucket in a placement target.
func (c *CephCluster) CreateBucketIn(name, placement string) {
	c.t.Helper()
	client, err := s3lite.New(s3lite.Endpoint{URL: c.Endpoint, Access: c.Access, Secret: c.Secret, Region: "default"})
	if err != nil {
		c.t.Fatal(err)
	}
	location := ""
	if placement != "" {
		location = "default:" + placement
	}
	ctx, cancel := context.WithTimeout(context.Background(), cephCommandTimeout)
	defer cancel()
	if err := client.CreateBucket(ctx, name, location); err != nil {
		c.t.Fatalf("create bucket %s: %v", name, err)
	}
}
