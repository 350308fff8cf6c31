package obstranslator

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

const (
	s3Namespace  = "http://s3.amazonaws.com/doc/2006-03-01/"
	obsNamespace = "http://obs.myhwclouds.com/doc/2015-06-30/"

	// maxXML bounds a listing: 1,000 keys of 1,024 bytes, each byte escaped.
	maxXML = 16 << 20
)

// Storage classes that have another name in S3 (API reference of OBS, "x-obs-storage-class").
var (
	classToS3  = map[string]string{"WARM": "STANDARD_IA", "COLD": "GLACIER"}
	classToOBS = map[string]string{"STANDARD_IA": "WARM", "GLACIER": "COLD"}
)

var classElement = regexp.MustCompile(`<StorageClass>([A-Z_]+)</StorageClass>`)

func renamed(name string, names map[string]string) string {
	if other, ok := names[name]; ok {
		return other
	}
	return name
}

// toS3 renames the headers of a request.
func toS3(h http.Header) {
	for name, values := range h {
		rest, ok := strings.CutPrefix(name, "X-Obs-")
		if !ok {
			continue
		}
		delete(h, name)
		value := strings.Join(values, ",")
		if rest == "Storage-Class" {
			value = renamed(value, classToS3)
		}
		h.Set("X-Amz-"+rest, value)
	}
	h.Del("Authorization")
	h.Del("X-Amz-Date")
	h.Del("Date")
}

// translateAnswer makes an answer of OBS of one of S3.
func translateAnswer(resp *http.Response) error {
	h := resp.Header
	for name, values := range h {
		if rest, ok := strings.CutPrefix(name, "X-Amz-"); ok {
			delete(h, name)
			h["X-Obs-"+rest] = values
		}
	}
	if class := h.Get("X-Obs-Storage-Class"); class == "STANDARD" {
		h.Del("X-Obs-Storage-Class") // said only where it is another
	} else if class != "" {
		h.Set("X-Obs-Storage-Class", renamed(class, classToOBS))
	}
	if resp.Request.Method == http.MethodHead {
		if resp.StatusCode >= 400 && h.Get("X-Obs-Error-Code") == "" {
			h.Set("X-Obs-Error-Code", headCode(resp.StatusCode))
			h.Set("X-Obs-Error-Message", http.StatusText(resp.StatusCode))
		}
		return nil
	}
	if !isXML(resp) {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxXML+1))
	resp.Body.Close()
	if err != nil {
		return fmt.Errorf("read answer of the S3 server: %w", err)
	}
	if len(body) > maxXML {
		return fmt.Errorf("the answer of the S3 server has more than %d bytes", maxXML)
	}
	body = bytes.ReplaceAll(body, []byte(s3Namespace), []byte(obsNamespace))
	body = classElement.ReplaceAllFunc(body, func(element []byte) []byte {
		return []byte("<StorageClass>" + renamed(string(classElement.FindSubmatch(element)[1]), classToOBS) + "</StorageClass>")
	})
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
	resp.TransferEncoding = nil
	h.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

// headCode is the code of an error that S3 says by the status alone.
func headCode(status int) string {
	switch status {
	case http.StatusNotFound:
		return "NoSuchKey"
	case http.StatusForbidden:
		return "AccessDenied"
	case http.StatusPreconditionFailed:
		return "PreconditionFailed"
	case http.StatusServiceUnavailable:
		return "ServiceUnavailable"
	}
	return "InternalError"
}

// isXML says that an answer is not the bytes of an object, which may be XML too.
func isXML(resp *http.Response) bool {
	req := resp.Request
	if resp.StatusCode >= 300 || req.Method != http.MethodGet {
		return resp.StatusCode != http.StatusNoContent && resp.ContentLength != 0
	}
	_, key, _ := strings.Cut(strings.TrimPrefix(req.URL.EscapedPath(), "/"), "/")
	q := req.URL.Query()
	return key == "" || q.Has("uploadId") || q.Has("acl")
}
