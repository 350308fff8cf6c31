package testbed

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// VersityOptions changes how Versity starts its server. The zero value is good.
type VersityOptions struct {
	Dir          string   // kept after the test; empty: a temporary one
	Access       string   // default "testaccess"
	Secret       string   // default "testsecret"
	VersionsDir  string   // switches bucket versioning on
	ExtraOptions []string // global ones, as in "--keep-alive": without it the server closes each connection after one answer
}

// S3Server is a running versitygw that keeps its objects as files in Dir, one directory per bucket.
type S3Server struct {
	Endpoint string // "http://127.0.0.1:PORT", the same after Restart
	Region   string
	Access   string
	Secret   string
	Dir      string

	Server
	bin  string
	args []string
}

// Versity starts a versitygw of its own for the test and waits until it answers.
func Versity(t testing.TB, o VersityOptions) *S3Server {
	t.Helper()
	s := &S3Server{Region: "us-east-1", Access: o.Access, Secret: o.Secret, Dir: o.Dir, bin: Binary(t, "versitygw")}
	if s.Access == "" {
		s.Access = "testaccess"
	}
	if s.Secret == "" {
		s.Secret = "testsecret"
	}
	if s.Dir == "" {
		s.Dir = t.TempDir()
	}
	s.launch(t, "versitygw", func() {
		port := FreePort(t)
		s.Endpoint = "http://127.0.0.1:" + strconv.Itoa(port)
		s.args = append([]string{"--port", "127.0.0.1:" + strconv.Itoa(port), "--region", s.Region, "--quiet"}, o.ExtraOptions...)
		s.args = append(s.args, "posix")
		if o.VersionsDir != "" {
			s.args = append(s.args, "--versioning-dir", o.VersionsDir)
		}
		s.args = append(s.args, s.Dir)
	}, s.begin)
	return s
}

func (s *S3Server) begin() (*Process, error) {
	cmd := exec.Command(s.bin, s.args...)
	cmd.Dir = s.Dir
	// In the environment, not on the command line, so that a listing of processes does not show it.
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+s.Access, "ROOT_SECRET_KEY="+s.Secret)
	return startAnswering(cmd, func() error { return answersHTTP(s.Endpoint) })
}

// CreateBucket makes an empty bucket: versitygw shows each directory as one.
func (s *S3Server) CreateBucket(name string) {
	s.t.Helper()
	if err := os.Mkdir(filepath.Join(s.Dir, name), 0o755); err != nil {
		s.t.Fatalf("create bucket: %v", err)
	}
}
