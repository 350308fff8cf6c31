package testbed

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// writeConf writes ceph.conf: one node without replicas, in the foreground, on loopback alone, that logs into files, and
// that is content without a manager (which the tests do not need).
func (c *CephCluster) writeConf() error {
	store := "memstore"
	if c.o.Bluestore {
		store = "bluestore"
	}
	conf := fmt.Sprintf(`[global]
fsid = %[1]s
mon host = [%[2]s]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr1 = false
keyring = %[3]s/keyring
run dir = %[3]s
crash dir = %[3]s/log
admin socket =
pid file =
log file = %[3]s/log/$name.log
log to stderr = false
err to stderr = true
mon cluster log file =
auth allow insecure global id reclaim = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon allow pool delete = true
mon warn on pool no redundancy = false
mon mgr mkfs grace = 1000000000
mon max pg per osd = 1000
mon data avail warn = 2
mon data avail crit = 1
paxos propose interval = 0.05
[mon]
mon data = %[3]s/mon
[osd]
debug osd = 0/5
osd data = %[3]s/osd
osd objectstore = %[4]s
# Stopped, a store in memory writes itself down only so:
osd fast shutdown = false
memstore device bytes = %[5]d
bluestore block create = true
bluestore block size = %[5]d
bluestore cache autotune = false
bluestore cache size = 134217728
[client]
log file =
[client.rgw]
log file = %[3]s/log/$name.log
rgw data = %[3]s/rgw
rgw thread pool size = 64
rgw gc obj min wait = 60
rgw gc processor period = 60
rgw gc processor max time = 60
rgw multipart min part size = %[6]d
`, c.fsid, c.MonHost, c.dir, store, c.o.Bytes, c.o.MinPartSize)
	return os.WriteFile(c.ConfPath, []byte(conf), 0o600)
}

// writeKeyring makes the users, whom the monitor takes over when it is made.
func (c *CephCluster) writeKeyring() error {
	var b strings.Builder
	for _, user := range []struct {
		name string
		caps []string
	}{
		{"mon.", []string{"mon", "allow *"}},
		{"client.admin", []string{"mon", "allow *", "osd", "allow *", "mgr", "allow *"}},
		{"client." + c.User, []string{"mon", "allow r", "osd", c.caps()}},
		{"client.rgw", []string{"mon", "allow rwx", "osd", "allow rwx"}},
		{"osd.0", []string{"mon", "allow profile osd", "osd", "allow *"}},
	} {
		key := cephKey()
		if user.name == "client."+c.User {
			c.Key = key
		}
		fmt.Fprintf(&b, "[%s]\n\tkey = %s\n", user.name, key)
		for i := 0; i < len(user.caps); i += 2 {
			fmt.Fprintf(&b, "\tcaps %s = %q\n", user.caps[i], user.caps[i+1])
		}
	}
	return os.WriteFile(filepath.Join(c.dir, "keyring"), []byte(b.String()), 0o600)
}

// cephKey makes a cephx key as ceph-authtool --gen-print-key does: type 1 (AES), the time, a length, and 16 random bytes.
func cephKey() string {
	key := make([]byte, 12, 28)
	binary.LittleEndian.PutUint16(key, 1)
	binary.LittleEndian.PutUint32(key[2:], uint32(time.Now().Unix()))
	binary.LittleEndian.PutUint16(key[10:], 16)
	secret := make([]byte, 16)
	rand.Read(secret)
	return base64.StdEncoding.EncodeToString(append(key, secret...))
}
