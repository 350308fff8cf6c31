package clients

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// mountS3fs mounts a bucket at mnt in work, until the end of the test. A missing s3fs fails the test; a kernel or a container
// that lets nobody mount by FUSE cannot be mended by installing something: there the test is skipped, and says so.
func mountS3fs(t *testing.T, e target, work string, env []string) {
	t.Helper()
	dev, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("S3FS IS NOT TESTED HERE: no FUSE: %v", err)
	}
	dev.Close()
	bucket := "s3fs-bucket"
	if _, err := newAWSGo(e).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	mnt := filepath.Join(work, "mnt")
	if err := os.Mkdir(mnt, 0o700); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.Command("s3fs", bucket, mnt, "-f", "-o", "url="+e.URL+",endpoint="+e.Region+",use_path_request_style,retries=1")
	cmd.Env, cmd.Stdout, cmd.Stderr = append(env, "AWSACCESSKEYID="+e.Access, "AWSSECRETACCESSKEY="+e.Secret), &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() { gone <- cmd.Wait() }()
	mounted := func() bool {
		var above, here syscall.Stat_t
		return errors.Join(syscall.Stat(work, &above), syscall.Stat(mnt, &here)) == nil && above.Dev != here.Dev
	}
	limit, again := time.After(30*time.Second), time.NewTicker(20*time.Millisecond)
	defer again.Stop()
	for !mounted() {
		select {
		case err := <-gone:
			if strings.Contains(out.String(), "Operation not permitted") {
				t.Skipf("S3FS IS NOT TESTED HERE: nobody may mount: %s", &out)
			}
			t.Fatalf("s3fs ended: %v\n%s", err, &out)
		case <-limit:
			cmd.Process.Kill()
			t.Fatalf("s3fs did not mount, %v\n%s", <-gone, &out)
		case <-again.C:
		}
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(mnt, 0); err != nil {
			t.Errorf("unmount: %v", err)
			syscall.Unmount(mnt, syscall.MNT_DETACH)
			cmd.Process.Kill()
		}
		if err := <-gone; err != nil || t.Failed() {
			t.Logf("s3fs: %v\n%s", err, tail(out.String(), 2000))
		}
	})
}
