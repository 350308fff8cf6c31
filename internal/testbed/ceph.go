package testbed

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// CephOptions changes how Ceph starts its cluster. The zero value is good: a cluster in memory, with a gateway.
type CephOptions struct {
	NoRGW bool // leaves the gateway out
	// Bluestore keeps the objects in a sparse file, so that they survive OSD().Kill() and Restart. Without it they are in
	// memory: faster, and a killed osd cannot be started again.
	Bluestore bool
	Bytes     int64 // that the store holds; default 4 GiB
	// MinPartSize is what the gateway takes as the least part of a multipart upload but the last, in bytes; default 5 MiB.
	MinPartSize int64
}

// CephCluster is a running one-node Ceph: a monitor, an osd, and a gateway for S3.
type CephCluster struct {
	ConfPath string // ceph.conf, which names the monitor and Keyring
	Keyring  string // of all users; "client.admin" may do everything
	MonHost  string // "v2:127.0.0.1:PORT", the same after Restart
	Pool     string // made, with the application rados

	// User is a cephx user without the prefix "client.", who may read the maps and do anything in Pool and those of
	// CreatePool, and nothing elsewhere.
	User, Key string

	Gateway // zero without a gateway

	t             testing.TB
	dir, fsid     string
	o             CephOptions
	made          bool // the monitor's and the osd's stores are
	mon, osd, rgw Server

	mu    sync.Mutex
	pools []string // that User may use
}

// cephCommandTimeout bounds each command of an administrator.
const cephCommandTimeout = time.Minute

// Ceph starts a cluster of its own for the test and waits until it takes writes, which takes about three seconds. It takes
// 200 MiB: tests of one package share one (see Shared), under pools and buckets of their own.
func Ceph(t testing.TB, o CephOptions) *CephCluster {
	t.Helper()
	programs := []string{"ceph-mon", "ceph-osd", "monmaptool", "ceph-authtool", "ceph", "rados"}
	if !o.NoRGW {
		programs = append(programs, "radosgw", "radosgw-admin")
	}
	installed(t, programs...)
	if o.Bytes == 0 {
		o.Bytes = 4 << 30
	}
	if o.MinPartSize == 0 {
		o.MinPartSize = 5 << 20
	}
	c := &CephCluster{t: t, o: o, dir: t.TempDir(), Pool: "gelato", User: "gelato"}
	c.ConfPath, c.Keyring, c.pools = filepath.Join(c.dir, "ceph.conf"), filepath.Join(c.dir, "keyring"), []string{c.Pool}
	if err := c.prepare(); err != nil {
		t.Fatalf("prepare ceph: %v", err)
	}
	keepLogs(t, "ceph", filepath.Join(c.dir, "log"))
	for _, s := range []*Server{&c.mon, &c.osd, &c.rgw} {
		s.killed = true // nobody wants any more what it would write down first
	}
	c.mon.launch(t, "ceph-mon", c.choosePort, c.beginMon)
	c.osd.launch(t, "ceph-osd", func() {}, c.beginOSD)
	if err := c.makePools(); err != nil {
		t.Fatalf("make pools: %v", err)
	}
	if !o.NoRGW {
		c.startGateway()
	}
	return c
}

// Mon returns the monitor. Without it nobody can connect, and those who are connected go on.
func (c *CephCluster) Mon() *Server { return &c.mon }

// OSD returns the daemon that holds the objects. It may be killed and started again with CephOptions.Bluestore only.
func (c *CephCluster) OSD() *Server { return &c.osd }

// RGW returns the gateway.
func (c *CephCluster) RGW() *Server { return &c.rgw }

// CreatePool makes a pool for User.
func (c *CephCluster) CreatePool(name string) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pools = append(c.pools, name)
	if err := c.ask(createPool(name, "rados"), "auth caps client."+c.User+" mon 'allow r' osd '"+c.caps()+"'"); err != nil {
		c.t.Fatalf("create pool %s: %v", name, err)
	}
}

// caps are User's rights at the osd.
func (c *CephCluster) caps() string {
	var b strings.Builder
	for i, pool := range c.pools {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("allow rwx pool=" + pool)
	}
	return b.String()
}

func createPool(name, application string) string {
	return "osd pool create " + name + " 8 8 replicated\nosd pool application enable " + name + " " + application
}

// prepare makes the directory: all but what depends on a port.
func (c *CephCluster) prepare() error {
	for _, sub := range []string{"log", "rgw"} {
		if err := os.Mkdir(filepath.Join(c.dir, sub), 0o700); err != nil {
			return err
		}
	}
	id := make([]byte, 16)
	rand.Read(id)
	c.fsid = fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
	return c.writeKeyring()
}

// choosePort begins a new cluster at a port that is free now.
func (c *CephCluster) choosePort() {
	c.MonHost, c.made = "v2:127.0.0.1:"+strconv.Itoa(FreePort(c.t)), false
	if err := c.writeConf(); err != nil {
		c.t.Fatalf("write ceph.conf: %v", err)
	}
}

func (c *CephCluster) beginMon() (*Process, error) {
	if !c.made {
		if err := c.makeStores(); err != nil {
			return nil, err
		}
		c.made = true
	}
	return startAnswering(c.command("ceph-mon", "-i", "a", "-f"), func() error { return c.ask("status") })
}

// makeStores makes what the monitor and the osd keep.
func (c *CephCluster) makeStores() error {
	monmap := filepath.Join(c.dir, "monmap")
	for _, sub := range []string{"mon", "osd"} {
		if err := os.RemoveAll(filepath.Join(c.dir, sub)); err != nil {
			return err
		}
		if err := os.Mkdir(filepath.Join(c.dir, sub), 0o700); err != nil {
			return err
		}
	}
	for _, cmd := range []*exec.Cmd{
		c.command("monmaptool", "--create", "--clobber", "--fsid", c.fsid, "--addv", "a", "["+c.MonHost+"]",
			"--enable-all-features", "--set-min-mon-release", "pacific", monmap),
		c.command("ceph-mon", "-i", "a", "--mkfs", "--monmap", monmap),
		c.command("ceph-osd", "-i", "0", "--mkfs", "--no-mon-config", "--monmap", monmap, "--osd-uuid", c.fsid),
	} {
		if err := run(cmd, ""); err != nil {
			return err
		}
	}
	return nil
}

// makePools makes the pools and waits until Pool has taken a write.
func (c *CephCluster) makePools() error {
	commands := []string{createPool(c.Pool, "rados")}
	if !c.o.NoRGW {
		for _, pool := range gatewayPools() {
			commands = append(commands, createPool(pool, "rgw"))
		}
	}
	if err := c.ask(commands...); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), cephCommandTimeout)
	defer cancel()
	if err := run(c.commandContext(ctx, "rados", "-p", c.Pool, "put", "testbed", "-"), "here"); err != nil {
		return err
	}
	return run(c.commandContext(ctx, "rados", "-p", c.Pool, "rm", "testbed"), "")
}

// beginOSD waits until the monitor has heard from the osd. One that was killed is up to the monitor until it is told otherwise.
func (c *CephCluster) beginOSD() (*Process, error) {
	if err := c.ask("osd new "+c.fsid+" 0", "osd down 0"); err != nil {
		return nil, err
	}
	return startAnswering(c.command("ceph-osd", "-i", "0", "-f"), func() error {
		out, err := c.answers("osd stat")
		if err == nil && !strings.Contains(out, " 1 up") {
			err = errors.New("the osd is not up: " + out)
		}
		return err
	})
}

// ask gives commands to the monitor; see answers.
func (c *CephCluster) ask(commands ...string) error {
	_, err := c.answers(commands...)
	return err
}

// answers gives commands to the monitor through one connection, and returns what it says, or the first one's error.
func (c *CephCluster) answers(commands ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), cephCommandTimeout)
	defer cancel()
	cmd := c.commandContext(ctx, "ceph", "--connect-timeout", "20")
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("ask the monitor: %w\n%s", err, stderr.String())
	}
	// Of commands on its standard input the program only prints the errors.
	for line := range strings.Lines(stderr.String()) {
		if strings.HasPrefix(strings.ToLower(line), "error ") {
			return "", errors.New("the monitor says: " + line)
		}
	}
	return stdout.String(), nil
}

// command prepares one of Ceph's programs, as administrator unless args name another user with -n.
func (c *CephCluster) command(program string, args ...string) *exec.Cmd {
	return c.commandContext(context.Background(), program, args...)
}

func (c *CephCluster) commandContext(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, append([]string{"-c", c.ConfPath}, args...)...)
	cmd.Dir = c.dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "CEPH_") { // a caller's CEPH_ARGS is for another cluster
			cmd.Env = append(cmd.Env, v)
		}
	}
	return cmd
}

// run runs a command to its end; an error holds its output.
func run(cmd *exec.Cmd, input string) error {
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, out)
	}
	return nil
}

// installed fails the test unless the programs of Debian packages are there; it is skipped if Short.
func installed(t testing.TB, programs ...string) {
	t.Helper()
	if Short() {
		t.Skipf("needs %s, left out by %s=1", programs[0], shortEnv)
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Fatalf("no test server %q: run make testbed (%v)", p, err)
		}
	}
}
