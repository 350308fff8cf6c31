package clients

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/s3lite"
)

// tool is one S3 client program. Its methods fail the test unless the program succeeds; only get returns the failure.
type tool interface {
	mkbucket(bucket string)
	put(file, bucket, key string)
	get(bucket, key, file string) error
	list(bucket, prefix string) []string // whole keys
	copy(bucket, from, to string)
	delete(bucket, key string)
	presign(bucket, key string) string // "" when the client cannot sign as the target wants
	rmbucket(bucket string)
}

// target is the server under test.
type target struct {
	s3lite.Endpoint
	sigV2 bool // takes presigned URLs of signature version 2, the default of awscli, boto3 and s3cmd
}

func (e target) host() string { return strings.TrimPrefix(e.URL, "http://") }

// program runs client commands with a home of their own, so that nothing but the test configures them.
type program struct {
	t    *testing.T
	e    target
	path string
	args []string // before those of the command
	env  []string
}

func newProgram(t *testing.T, e target, name string) program {
	home := t.TempDir()
	return program{t: t, e: e, path: testbed.Binary(t, name), env: []string{
		"HOME=" + home, "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "RCLONE_CONFIG=" + filepath.Join(home, "rclone.conf"),
		"AWS_ACCESS_KEY_ID=" + e.Access, "AWS_SECRET_ACCESS_KEY=" + e.Secret, "AWS_DEFAULT_REGION=" + e.Region,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1", // a retry would hide a failure
		"RCLONE_CONFIG_T_TYPE=s3", "RCLONE_CONFIG_T_PROVIDER=Other", "RCLONE_CONFIG_T_ENDPOINT=" + e.URL, "RCLONE_CONFIG_T_REGION=" + e.Region,
		"RCLONE_CONFIG_T_ACCESS_KEY_ID=" + e.Access, "RCLONE_CONFIG_T_SECRET_ACCESS_KEY=" + e.Secret,
	}}
}

// run returns what the command printed on standard output.
func (p program) run(args ...string) (string, error) {
	cmd := exec.CommandContext(p.t.Context(), p.path, append(p.args, args...)...)
	cmd.Env = p.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %q: %w\n%s%s", filepath.Base(p.path), args, err, &stdout, &stderr)
	}
	return stdout.String(), nil
}

// must is run for a command that has to succeed.
func (p program) must(args ...string) string {
	p.t.Helper()
	out, err := p.run(args...)
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}

func lines(s string) []string {
	var all []string
	for l := range strings.Lines(s) {
		all = append(all, strings.TrimSuffix(l, "\n"))
	}
	return all
}

type awscli struct{ program }

func newAwscli(t *testing.T, e target) tool {
	p := newProgram(t, e, "venv/bin/aws")
	p.args = []string{"--endpoint-url", e.URL}
	if !e.sigV2 {
		p.must("configure", "set", "default.s3.signature_version", "s3v4")
	}
	return awscli{p}
}

func (c awscli) mkbucket(b string) { c.must("s3", "mb", "s3://"+b) }
func (c awscli) rmbucket(b string) { c.must("s3", "rb", "s3://"+b) }
func (c awscli) put(file, b, k string) {
	c.must("s3", "cp", "--only-show-errors", file, "s3://"+b+"/"+k)
}
func (c awscli) get(b, k, file string) error {
	_, err := c.run("s3", "cp", "--only-show-errors", "s3://"+b+"/"+k, file)
	return err
}
func (c awscli) list(b, prefix string) []string {
	out := c.must("s3api", "list-objects-v2", "--bucket", b, "--prefix", prefix, "--page-size", "2", "--query", "Contents[].[Key]", "--output", "text")
	return lines(out)
}
func (c awscli) copy(b, from, to string) {
	c.must("s3", "cp", "--only-show-errors", "s3://"+b+"/"+from, "s3://"+b+"/"+to)
}
func (c awscli) delete(b, k string) { c.must("s3", "rm", "--only-show-errors", "s3://"+b+"/"+k) }
func (c awscli) presign(b, k string) string {
	return strings.TrimSpace(c.must("s3", "presign", "--expires-in", "600", "s3://"+b+"/"+k))
}

type s3cmd struct{ program }

func newS3cmd(t *testing.T, e target) tool {
	p := newProgram(t, e, "venv/bin/s3cmd")
	config := filepath.Join(t.TempDir(), "s3cfg")
	text := fmt.Sprintf("[default]\naccess_key = %s\nsecret_key = %s\nhost_base = %s\nhost_bucket = %[3]s\nbucket_location = %s\nuse_https = False\nmax_retries = 1\n",
		e.Access, e.Secret, e.host(), e.Region)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p.args = []string{"--config", config, "--no-progress"}
	return s3cmd{p}
}

func (c s3cmd) mkbucket(b string)     { c.must("mb", "s3://"+b) }
func (c s3cmd) rmbucket(b string)     { c.must("rb", "s3://"+b) }
func (c s3cmd) put(file, b, k string) { c.must("put", file, "s3://"+b+"/"+k) }
func (c s3cmd) get(b, k, file string) error {
	_, err := c.run("get", "--force", "s3://"+b+"/"+k, file)
	return err
}
func (c s3cmd) list(b, prefix string) []string {
	var keys []string
	for _, l := range lines(c.must("ls", "--recursive", "s3://"+b+"/"+prefix)) {
		if _, key, ok := strings.Cut(l, "s3://"+b+"/"); ok {
			keys = append(keys, key)
		}
	}
	return keys
}
func (c s3cmd) copy(b, from, to string) { c.must("cp", "s3://"+b+"/"+from, "s3://"+b+"/"+to) }
func (c s3cmd) delete(b, k string)      { c.must("del", "s3://"+b+"/"+k) }
func (c s3cmd) presign(b, k string) string {
	if !c.e.sigV2 {
		return "" // s3cmd knows no other
	}
	return strings.TrimSpace(c.must("signurl", "s3://"+b+"/"+k, "+600"))
}

type rclone struct{ program }

func newRclone(t *testing.T, e target) tool {
	p := newProgram(t, e, "rclone")
	p.args = []string{"--retries", "1", "--low-level-retries", "1"}
	return rclone{p}
}

func (c rclone) mkbucket(b string)     { c.must("mkdir", "t:"+b) }
func (c rclone) rmbucket(b string)     { c.must("rmdir", "t:"+b) }
func (c rclone) put(file, b, k string) { c.must("copyto", file, "t:"+b+"/"+k) }
func (c rclone) get(b, k, file string) error {
	_, err := c.run("copyto", "t:"+b+"/"+k, file)
	return err
}
func (c rclone) list(b, prefix string) []string {
	keys := lines(c.must("lsf", "-R", "--files-only", "t:"+b+"/"+prefix))
	for i := range keys {
		keys[i] = prefix + keys[i]
	}
	return keys
}
func (c rclone) copy(b, from, to string) { c.must("copyto", "t:"+b+"/"+from, "t:"+b+"/"+to) }
func (c rclone) delete(b, k string)      { c.must("deletefile", "t:"+b+"/"+k) }
func (c rclone) presign(b, k string) string {
	return strings.TrimSpace(c.must("link", "--expire", "10m", "t:"+b+"/"+k))
}

type boto3 struct{ program }

func newBoto3(t *testing.T, e target) tool {
	p := newProgram(t, e, "venv/bin/python")
	p.args = []string{filepath.Join("testdata", "boto.py"), e.URL}
	return boto3{p}
}

func (c boto3) mkbucket(b string)     { c.must("mkbucket", b) }
func (c boto3) rmbucket(b string)     { c.must("rmbucket", b) }
func (c boto3) put(file, b, k string) { c.must("put", file, b, k) }
func (c boto3) get(b, k, file string) error {
	_, err := c.run("get", b, k, file)
	return err
}
func (c boto3) list(b, prefix string) []string { return lines(c.must("list", b, prefix)) }
func (c boto3) copy(b, from, to string)        { c.must("copy", b, from, to) }
func (c boto3) delete(b, k string)             { c.must("delete", b, k) }
func (c boto3) presign(b, k string) string {
	command := "presign"
	if !c.e.sigV2 {
		command = "presign4"
	}
	return strings.TrimSpace(c.must(command, b, k))
}

// newTarget starts the server that the tests run against.
func newTarget(t *testing.T) target {
	switch name := os.Getenv("GELATO_TEST_TARGET"); name {
	case "":
		if testbed.Short() {
			t.Skip("needs real clients")
		}
		return target{testbed.StartGelato(t, testbed.GelatoOptions{}).Endpoint(), true}
	case "versitygw":
		return target{testbed.Versity(t, testbed.VersityOptions{ExtraOptions: []string{"--keep-alive"}}).S3(), false}
	default:
		t.Fatalf("unknown target %q", name)
	}
	return target{}
}
