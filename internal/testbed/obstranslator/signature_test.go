package obstranslator

import (
	"net/http"
	"testing"
)

// TestSignature uses the vector of AWS for the same computation (Amazon S3 User Guide, "Signing and authenticating REST requests", Object GET):
// Huawei's own examples blacken the secret key.
func TestSignature(t *testing.T) {
	t.Parallel()
	got := signature("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "GET\n\n\nTue, 27 Mar 2007 19:36:42 +0000\n/awsexamplebucket1/photos/puppy.jpg")
	if want := "qgk2+6Sv9/oM7G3qLEjTH1a1l1g="; got != want {
		t.Errorf("signature = %q, want %q", got, want)
	}
}

// TestStringToSign uses the examples of the API reference of OBS, "Using an Authorization Header", and of its sample code.
func TestStringToSign(t *testing.T) {
	t.Parallel()
	const md5Header, date15 = "I5pU0r4+sgO9Emgl1KMQUg==", "Tue, 15 Oct 2015 07:20:09 GMT"
	for _, c := range []struct {
		name, method    string
		header          http.Header
		resource, query string
		want            string
	}{
		{"get an object", "GET", http.Header{"Date": {"Sat, 12 Oct 2015 08:12:38 GMT"}}, "/bucket/object.txt", "",
			"GET\n\n\nSat, 12 Oct 2015 08:12:38 GMT\n/bucket/object.txt"},
		{"temporary key", "PUT", http.Header{"X-Obs-Date": {date15}, "X-Obs-Security-Token": {"YwkaRTbdY8g7q...."}, "Content-Type": {"text/plain"}}, "/bucket/object.txt", "",
			"PUT\n\ntext/plain\n\nx-obs-date:" + date15 + "\nx-obs-security-token:YwkaRTbdY8g7q....\n/bucket/object.txt"},
		{"headers", "PUT", http.Header{"Date": {"Mon, 14 Oct 2015 12:08:34 GMT"}, "X-Obs-Acl": {"public-read"}, "Content-Type": {"text/plain"}}, "/bucket/object.txt", "",
			"PUT\n\ntext/plain\nMon, 14 Oct 2015 12:08:34 GMT\nx-obs-acl:public-read\n/bucket/object.txt"},
		{"get an ACL", "GET", http.Header{"Date": {"Sat, 12 Oct 2015 08:12:38 GMT"}}, "/bucket/object.txt", "acl",
			"GET\n\n\nSat, 12 Oct 2015 08:12:38 GMT\n/bucket/object.txt?acl"},
		{"Content-MD5", "PUT", http.Header{"X-Obs-Date": {date15}, "Content-Md5": {md5Header}}, "/bucket/object.txt", "",
			"PUT\n" + md5Header + "\n\n\nx-obs-date:" + date15 + "\n/bucket/object.txt"},
		{"a domain of one's own", "PUT", http.Header{"X-Obs-Date": {date15}, "Content-Md5": {md5Header}}, "/obs.ccc.com/object.txt", "",
			"PUT\n" + md5Header + "\n\n\nx-obs-date:" + date15 + "\n/obs.ccc.com/object.txt"},
		{"create a bucket", "PUT", http.Header{"Date": {"Fri, 06 Jul 2018 03:45:51 GMT"}, "X-Obs-Acl": {"private"}, "X-Obs-Storage-Class": {"STANDARD"}}, "/newbucketname2/", "",
			"PUT\n\n\nFri, 06 Jul 2018 03:45:51 GMT\nx-obs-acl:private\nx-obs-storage-class:STANDARD\n/newbucketname2/"},
		{"several subresources", "GET", http.Header{}, "/bucket-test/object-test", "versionId=xxx&response-content-type=text%2Fplain",
			"GET\n\n\n\n/bucket-test/object-test?response-content-type=text/plain&versionId=xxx"},
		{"values of one name, blanks", "PUT", http.Header{"Date": {"d"}, "X-Obs-Meta-Name": {" name1", "name2\t"}, "X-Obs-Meta-Name-2": {"x"}}, "/b/k", "",
			"PUT\n\n\nd\nx-obs-meta-name:name1,name2\nx-obs-meta-name-2:x\n/b/k"},
		{"no subresource", "GET", http.Header{"Date": {"d"}}, "/b/", "prefix=a%20b&max-keys=2&marker=x+y",
			"GET\n\n\nd\n/b/"},
		{"a subresource twice", "GET", http.Header{"Date": {"d"}}, "/b/k", "partNumber=1&partNumber=2&uploadId=u", "GET\n\n\nd\n/b/k?partNumber=1&uploadId=u"},
	} {
		if got := stringToSign(c.method, c.header, c.resource, c.query); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
