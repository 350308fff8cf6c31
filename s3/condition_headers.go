package s3

import (
	"encoding/xml"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/tagging"
)

// describing reports whether a header says what an object is to be, so that it comes with the beginning of a multipart upload and not with its parts.
func describing(canonical string) bool {
	switch canonical {
	case "X-Amz-Acl", "X-Amz-Storage-Class", "X-Amz-Tagging", "X-Amz-Website-Redirect-Location", "X-Amz-Server-Side-Encryption",
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", "X-Amz-Server-Side-Encryption-Customer-Algorithm":
		return true
	}
	return strings.HasPrefix(canonical, "X-Amz-Grant-") || strings.HasPrefix(canonical, "X-Amz-Object-Lock-")
}

// describedBy are the headers that describe an object: what an upload keeps of the request that began it, to judge its parts by the same policy.
func describedBy(h http.Header) map[string]string {
	var kept map[string]string
	for name, values := range h {
		if describing(name) && len(values) > 0 {
			if kept == nil {
				kept = map[string]string{}
			}
			kept[name] = said(name, values)[0]
		}
	}
	return kept
}

// said is what a header says that came several times: grants count all, of anything else the first.
func said(canonical string, values []string) []string {
	if len(values) > 1 && strings.HasPrefix(canonical, "X-Amz-Grant-") {
		return []string{strings.Join(values, ",")}
	}
	return values
}

// values are those of a header of the request, or of the one that began its upload.
func (c *conditionKeys) values(canonical string) ([]string, error) {
	if !describing(canonical) || c.r.op == nil || c.r.op.marker != "uploadId" { // the query may have an uploadId that is nothing to the operation
		return said(canonical, c.r.Header[canonical]), nil
	}
	if c.begun == nil {
		u, err := c.s.catalog.Upload(c.r.Context(), c.a.bucket, c.a.key, c.r.query.Get("uploadId"))
		if err != nil && !errs.Is(err, errs.NotFound) {
			return nil, err
		}
		c.begun = http.Header{}
		for name, value := range u.Described {
			c.begun[name] = []string{value}
		}
	}
	return c.begun[canonical], nil
}

// header is the value of a key that is the header of the same name.
func (c *conditionKeys) header(name string) ([]string, error) {
	if c.readsSource() {
		return nil, nil
	}
	switch {
	case name == "x-amz-copy-source":
		bucket, key, _, err := parseCopySource(c.r.Header.Get("X-Amz-Copy-Source"))
		if err != nil { // the operation refuses it
			return nil, nil
		}
		return c.text(bucket + "/" + key), nil
	case strings.HasPrefix(name, "x-amz-"), name == "if-match", name == "if-none-match":
		return c.values(http.CanonicalHeaderKey(name))
	}
	return nil, nil
}

// readsSource reports whether the question is about the source of a copy, which the headers for the new object do not concern.
func (c *conditionKeys) readsSource() bool {
	return strings.HasPrefix(c.a.action, "s3:Get") && len(c.r.Header["X-Amz-Copy-Source"]) > 0
}

// newTags are the tags that the request gives an object; none when they cannot be read, which the operation refuses.
func (c *conditionKeys) newTags() (map[string]string, error) {
	if c.readsSource() {
		return nil, nil
	}
	if c.r.operation == "PutObjectTagging" {
		asked, err := c.asks()
		return asked.tags, err
	}
	values, err := c.values("X-Amz-Tagging")
	if len(values) == 0 || err != nil {
		return nil, err
	}
	set, err := tagging.ParseHeader(values[0])
	if err != nil {
		return nil, nil
	}
	return set, nil
}

// lock is what the request says about retention and legal hold.
func (c *conditionKeys) lock(name string) ([]string, error) {
	values := func(canonical string) ([]string, error) { return c.values(canonical) }
	switch c.r.operation {
	case "PutObjectRetention", "PutObjectLegalHold":
		values = func(canonical string) ([]string, error) {
			asked, err := c.asks()
			return c.unless(asked.headers[canonical]), err
		}
	}
	if name != "object-lock-remaining-retention-days" {
		return values(http.CanonicalHeaderKey("x-amz-" + name))
	}
	found, err := values("X-Amz-Object-Lock-Retain-Until-Date")
	if len(found) == 0 || err != nil {
		return nil, err
	}
	until, err := time.Parse(time.RFC3339, found[0])
	if err != nil {
		return nil, nil
	}
	return c.text(strconv.FormatInt(int64(math.Ceil(until.Sub(c.s.o.Now()).Hours()/24)), 10)), nil
}

// asked is what the document of a request asks for that condition keys are about.
type asked struct {
	tags    map[string]string
	headers map[string]string // as the header says it that does the same with PutObject
}

// asks reads the document of the request ahead of the operation, which is given it again. It is empty when it is no such document, which the operation refuses.
func (c *conditionKeys) asks() (asked, error) {
	if c.body != nil {
		return *c.body, nil
	}
	read, _, err := c.s.document(c.r, true)
	if err != nil {
		return asked{}, err
	}
	c.body = &asked{}
	var d struct {
		Tags            []tagging.Tag `xml:"TagSet>Tag"`
		Mode            string
		RetainUntilDate string
		Status          string
	}
	if xml.Unmarshal(read, &d) != nil {
		return *c.body, nil
	}
	c.body.tags = make(map[string]string, len(d.Tags))
	for _, t := range d.Tags {
		if t.Key != nil && t.Value != nil {
			c.body.tags[*t.Key] = *t.Value
		}
	}
	c.body.headers = map[string]string{"X-Amz-Object-Lock-Mode": d.Mode, "X-Amz-Object-Lock-Retain-Until-Date": d.RetainUntilDate, "X-Amz-Object-Lock-Legal-Hold": d.Status}
	return *c.body, nil
}
