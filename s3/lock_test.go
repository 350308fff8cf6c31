package s3

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// locked is a bucket whose versions can be locked.
func (g *gateway) locked(name string) *versioned {
	g.t.Helper()
	c := g.root()
	if _, err := c.CreateBucket(g.t.Context(), &awss3.CreateBucketInput{Bucket: &name, ObjectLockEnabledForBucket: aws.Bool(true)}); err != nil {
		g.t.Fatal(err)
	}
	return &versioned{g, c, name}
}

// A bucket that is there without object lock is not answered for one that was to have it.
func TestLockedAgain(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket := g.bucket("unlocked", "")
	_, err := g.root().CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: &bucket, ObjectLockEnabledForBucket: aws.Bool(true)})
	wantCode(t, err, "BucketAlreadyOwnedByYou")
}

func (v *versioned) retain(key, id string, mode types.ObjectLockRetentionMode, until time.Time, bypass bool) error {
	in := &awss3.PutObjectRetentionInput{Bucket: &v.bucket, Key: &key, VersionId: optional(id), Retention: &types.ObjectLockRetention{}, BypassGovernanceRetention: &bypass}
	if mode != "" {
		in.Retention = &types.ObjectLockRetention{Mode: mode, RetainUntilDate: &until}
	}
	_, err := v.c.PutObjectRetention(v.t.Context(), in)
	return err
}

func (v *versioned) destroy(key, id string, bypass bool) error {
	_, err := v.c.DeleteObject(v.t.Context(), &awss3.DeleteObjectInput{Bucket: &v.bucket, Key: &key, VersionId: optional(id), BypassGovernanceRetention: &bypass})
	return err
}

func TestRetention(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	v := g.locked("locked")
	day := func(n int) time.Time {
		return time.Now().Add(time.Duration(n) * 24 * time.Hour).UTC().Truncate(time.Second)
	}
	const gov, comp = types.ObjectLockRetentionModeGovernance, types.ObjectLockRetentionModeCompliance
	for _, c := range []struct {
		name     string
		from, to types.ObjectLockRetentionMode
		days     int // of to; from has 2
		bypass   bool
		refused  bool
	}{
		{"grow", gov, gov, 3, false, false},
		{"shrink", gov, gov, 1, false, true},
		{"shrink, bypassing", gov, gov, 1, true, false},
		{"remove", gov, "", 0, false, true},
		{"remove, bypassing", gov, "", 0, true, false},
		{"strengthen", gov, comp, 3, false, true},
		{"strengthen, bypassing", gov, comp, 3, true, false},
		{"grow compliance", comp, comp, 3, false, false},
		{"shrink compliance", comp, comp, 1, true, true},
		{"weaken compliance", comp, gov, 3, true, true},
		{"remove compliance", comp, "", 0, true, true},
	} {
		id := v.put(c.name, "x")
		if err := v.retain(c.name, id, c.from, day(2), false); err != nil {
			t.Fatal(err)
		}
		err := v.retain(c.name, id, c.to, day(c.days), c.bypass)
		if c.refused {
			wantCode(t, err, "AccessDenied")
		} else if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		want := aws.ToString((*string)(&c.to))
		if c.refused {
			want = string(c.from)
		}
		out, err := v.c.GetObjectRetention(t.Context(), &awss3.GetObjectRetentionInput{Bucket: &v.bucket, Key: &c.name})
		if want == "" {
			wantCode(t, err, "NoSuchObjectLockConfiguration")
			continue
		}
		if err != nil || string(out.Retention.Mode) != want {
			t.Errorf("%s: %+v, %v, want %s", c.name, out, err, want)
		}
	}

	// A locked version stays, whatever lies above it; a delete marker may always be laid.
	one := v.put("k", "one")
	if err := v.retain("k", one, gov, day(1), false); err != nil {
		t.Fatal(err)
	}
	two := v.put("k", "two")
	wantCode(t, v.destroy("k", one, false), "AccessDenied")
	if err := v.destroy("k", two, false); err != nil {
		t.Error(err)
	}
	marker := aws.ToString(v.remove("k", "").VersionId)
	wantCode(t, v.destroy("k", one, false), "AccessDenied")
	out, err := v.c.DeleteObjects(t.Context(), &awss3.DeleteObjectsInput{Bucket: &v.bucket, Delete: &types.Delete{Objects: []types.ObjectIdentifier{
		{Key: aws.String("k"), VersionId: &one}, {Key: aws.String("k"), VersionId: &marker}}}})
	if err != nil || len(out.Errors) != 1 || aws.ToString(out.Errors[0].Code) != "AccessDenied" || len(out.Deleted) != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	v.want("k", "", "one")
	if err := v.destroy("k", one, true); err != nil {
		t.Error(err)
	}
	in := &awss3.PutBucketVersioningInput{Bucket: &v.bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusSuspended}}
	_, err = v.c.PutBucketVersioning(t.Context(), in)
	wantCode(t, err, "InvalidBucketState")
}

func TestLegalHold(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	v, ctx := g.locked("held"), t.Context()
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	put, err := v.c.PutObject(ctx, &awss3.PutObjectInput{Bucket: &v.bucket, Key: aws.String("k"), Body: strings.NewReader("x"), ObjectLockLegalHoldStatus: types.ObjectLockLegalHoldStatusOn,
		ObjectLockMode: types.ObjectLockModeGovernance, ObjectLockRetainUntilDate: &until})
	if err != nil {
		t.Fatal(err)
	}
	head, err := v.c.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &v.bucket, Key: aws.String("k")})
	if err != nil || head.ObjectLockLegalHoldStatus != "ON" || head.ObjectLockMode != "GOVERNANCE" || !aws.ToTime(head.ObjectLockRetainUntilDate).Equal(until) {
		t.Errorf("head %+v, %v", head, err)
	}
	wantCode(t, v.destroy("k", *put.VersionId, true), "AccessDenied")
	hold := func(status types.ObjectLockLegalHoldStatus) {
		t.Helper()
		in := &awss3.PutObjectLegalHoldInput{Bucket: &v.bucket, Key: aws.String("k"), LegalHold: &types.ObjectLockLegalHold{Status: status}}
		if _, err := v.c.PutObjectLegalHold(ctx, in); err != nil {
			t.Fatal(err)
		}
		out, err := v.c.GetObjectLegalHold(ctx, &awss3.GetObjectLegalHoldInput{Bucket: &v.bucket, Key: aws.String("k")})
		if err != nil || out.LegalHold.Status != status {
			t.Errorf("legal hold %+v, %v, want %s", out, err, status)
		}
	}
	hold("OFF")
	wantCode(t, v.destroy("k", *put.VersionId, false), "AccessDenied")
	hold("ON")
	hold("OFF")
	if err := v.destroy("k", *put.VersionId, true); err != nil {
		t.Error(err)
	}
}

func TestDefaultRetention(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	v, ctx := g.locked("default"), t.Context()
	rule := &types.ObjectLockConfiguration{ObjectLockEnabled: "Enabled", Rule: &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{Mode: "COMPLIANCE", Days: aws.Int32(2)}}}
	if _, err := v.c.PutObjectLockConfiguration(ctx, &awss3.PutObjectLockConfigurationInput{Bucket: &v.bucket, ObjectLockConfiguration: rule}); err != nil {
		t.Fatal(err)
	}
	got, err := v.c.GetObjectLockConfiguration(ctx, &awss3.GetObjectLockConfigurationInput{Bucket: &v.bucket})
	if err != nil || got.ObjectLockConfiguration.Rule == nil || aws.ToInt32(got.ObjectLockConfiguration.Rule.DefaultRetention.Days) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	v.put("put", "x")
	if _, err := v.c.CopyObject(ctx, &awss3.CopyObjectInput{Bucket: &v.bucket, Key: aws.String("copy"), CopySource: aws.String(v.bucket + "/put")}); err != nil {
		t.Fatal(err)
	}
	up, err := v.c.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{Bucket: &v.bucket, Key: aws.String("parts")})
	if err != nil {
		t.Fatal(err)
	}
	part, err := v.c.UploadPart(ctx, &awss3.UploadPartInput{Bucket: &v.bucket, Key: up.Key, UploadId: up.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("part")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.c.CompleteMultipartUpload(ctx, &awss3.CompleteMultipartUploadInput{Bucket: &v.bucket, Key: up.Key, UploadId: up.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: part.ETag}}}}); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"put", "copy", "parts"} {
		head, err := v.c.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &v.bucket, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		left := time.Until(aws.ToTime(head.ObjectLockRetainUntilDate))
		if head.ObjectLockMode != "COMPLIANCE" || left < 47*time.Hour || left > 48*time.Hour {
			t.Errorf("%s is retained %s for %v", key, head.ObjectLockMode, left)
		}
		wantCode(t, v.destroy(key, *head.VersionId, true), "AccessDenied")
	}
}

func TestBadLocks(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	v := g.locked("bad")
	v.put("k", "x")
	plain := &versioned{g, v.c, g.bucket("plain", "")}
	plain.put("k", "x")
	future := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	past := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	config := func(inner string) []byte {
		return []byte("<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>" + inner + "</ObjectLockConfiguration>")
	}
	rule := func(inner string) []byte {
		return config("<Rule><DefaultRetention>" + inner + "</DefaultRetention></Rule>")
	}
	retention := func(mode, until string) []byte {
		return []byte("<Retention><Mode>" + mode + "</Mode><RetainUntilDate>" + until + "</RetainUntilDate></Retention>")
	}
	put := func(path, query string, body []byte) call {
		sum := md5.Sum(body)
		return call{method: "PUT", path: path, query: query, body: body, header: map[string]string{"Content-Md5": base64.StdEncoding.EncodeToString(sum[:])}}
	}
	lock := func(path string, header map[string]string) call {
		return call{method: "PUT", path: path, body: []byte("x"), header: header}
	}
	for name, c := range map[string]struct {
		call
		want string
	}{
		"no versions":           {put("/plain", "object-lock=", config("")), "409 InvalidBucketState"},
		"not enabled":           {put("/bad", "object-lock=", []byte("<ObjectLockConfiguration/>")), "400 MalformedXML"},
		"days and years":        {put("/bad", "object-lock=", rule("<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>")), "400 MalformedXML"},
		"no period":             {put("/bad", "object-lock=", rule("<Mode>GOVERNANCE</Mode>")), "400 MalformedXML"},
		"no days":               {put("/bad", "object-lock=", rule("<Mode>GOVERNANCE</Mode><Days>0</Days>")), "400 InvalidRetentionPeriod"},
		"too many years":        {put("/bad", "object-lock=", rule("<Mode>GOVERNANCE</Mode><Years>101</Years>")), "400 InvalidRetentionPeriod"},
		"small mode":            {put("/bad", "object-lock=", rule("<Mode>governance</Mode><Days>1</Days>")), "400 MalformedXML"},
		"no configuration":      {call{method: "GET", path: "/plain", query: "object-lock="}, "404 ObjectLockConfigurationNotFoundError"},
		"retention unlocked":    {put("/plain/k", "retention=", retention("GOVERNANCE", future)), "400 InvalidRequest"},
		"no retention":          {call{method: "GET", path: "/bad/k", query: "retention="}, "404 NoSuchObjectLockConfiguration"},
		"retention read":        {call{method: "GET", path: "/plain/k", query: "retention="}, "400 InvalidRequest"},
		"bad mode":              {put("/bad/k", "retention=", retention("SOMETIMES", future)), "400 MalformedXML"},
		"past":                  {put("/bad/k", "retention=", retention("GOVERNANCE", past)), "400 InvalidArgument"},
		"no date":               {put("/bad/k", "retention=", retention("GOVERNANCE", "tomorrow")), "400 InvalidArgument"},
		"hold unlocked":         {put("/plain/k", "legal-hold=", []byte("<LegalHold><Status>ON</Status></LegalHold>")), "400 InvalidRequest"},
		"bad hold":              {put("/bad/k", "legal-hold=", []byte("<LegalHold><Status>on</Status></LegalHold>")), "400 MalformedXML"},
		"header unlocked":       {lock("/plain/h", map[string]string{lockHold: "ON"}), "400 InvalidRequest"},
		"mode alone":            {lock("/bad/h", map[string]string{lockMode: "GOVERNANCE"}), "400 InvalidArgument"},
		"date alone":            {lock("/bad/h", map[string]string{lockUntil: future}), "400 InvalidArgument"},
		"header of the past":    {lock("/bad/h", map[string]string{lockMode: "GOVERNANCE", lockUntil: past}), "400 InvalidArgument"},
		"header of a bad mode":  {lock("/bad/h", map[string]string{lockMode: "governance", lockUntil: future}), "400 InvalidArgument"},
		"header of a bad hold":  {lock("/bad/h", map[string]string{lockHold: "yes"}), "400 InvalidArgument"},
		"bucket with bad value": {call{method: "PUT", path: "/another", header: map[string]string{"X-Amz-Bucket-Object-Lock-Enabled": "perhaps"}}, "400 InvalidArgument"},
	} {
		r := g.send(c.call)
		if got := fmt.Sprintf("%d %s", r.status, r.code); got != c.want {
			t.Errorf("%s: %s %s, want %s", name, got, r.message, c.want)
		}
	}
}

// A date that cannot be kept would lock nothing.
func TestRetentionTooFar(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	v := g.locked("locked")
	id := v.put("k", "x")
	for _, year := range []int{2261, 2262, 2600, 9999} {
		err := v.retain("k", id, types.ObjectLockRetentionModeGovernance, time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC), true)
		if year > 2261 {
			wantCode(t, err, "InvalidArgument")
		} else if err != nil {
			t.Errorf("until %d: %v", year, err)
		}
		wantCode(t, v.destroy("k", id, false), "AccessDenied")
	}
}
