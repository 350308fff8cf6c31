package obstranslator

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// subResources are the query parameters that are signed (API reference of OBS, "Using an Authorization Header", CanonicalizedResource).
var subResources = map[string]bool{
	"CDNNotifyConfiguration": true, "acl": true, "append": true, "attname": true, "backtosource": true, "cors": true, "customdomain": true, "delete": true,
	"deletebucket": true, "directcoldaccess": true, "encryption": true, "inventory": true, "length": true, "lifecycle": true, "location": true, "logging": true,
	"metadata": true, "modify": true, "name": true, "notification": true, "object-lock": true, "partNumber": true, "policy": true, "position": true, "quota": true,
	"rename": true, "replication": true, "response-cache-control": true, "response-content-disposition": true, "response-content-encoding": true,
	"response-content-language": true, "response-content-type": true, "response-expires": true, "restore": true, "retention": true, "storageClass": true,
	"storagePolicy": true, "storageinfo": true, "tagging": true, "torrent": true, "truncate": true, "uploadId": true, "uploads": true, "versionId": true,
	"versioning": true, "versions": true, "website": true, "x-image-process": true, "x-image-save-bucket": true, "x-image-save-object": true, "x-obs-security-token": true,
}

// signature is the Base64 of the HMAC-SHA1 of what is signed.
func signature(secret, text string) string {
	h := hmac.New(sha1.New, []byte(secret))
	h.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// stringToSign is what a client signs of a request. resource is "/bucket/key" with the key as it was sent, "/bucket/" for
// a bucket, "/" without one.
func stringToSign(method string, h http.Header, resource, rawQuery string) string {
	date := h.Get("Date")
	if h.Get("x-obs-date") != "" {
		date = ""
	}
	lines := []string{method, h.Get("Content-MD5"), h.Get("Content-Type"), date}
	return strings.Join(append(lines, append(canonicalHeaders(h), canonicalResource(resource, rawQuery))...), "\n")
}

// canonicalHeaders are the x-obs-* headers, names in lower case and sorted, values trimmed, those of one name joined by commas.
func canonicalHeaders(h http.Header) []string {
	var lines []string
	for name, values := range h {
		name = strings.ToLower(name)
		if !strings.HasPrefix(name, "x-obs-") {
			continue
		}
		trimmed := make([]string, len(values))
		for i, v := range values {
			trimmed[i] = strings.TrimSpace(v)
		}
		lines = append(lines, name+":"+strings.Join(trimmed, ","))
	}
	slices.SortFunc(lines, func(a, b string) int { // by name alone: "-" sorts before ":"
		a, _, _ = strings.Cut(a, ":")
		b, _, _ = strings.Cut(b, ":")
		return strings.Compare(a, b)
	})
	return lines
}

// canonicalResource adds the subresources of a query, sorted, with decoded values. Of several with one name the first counts.
func canonicalResource(resource, rawQuery string) string {
	seen := map[string]bool{}
	var names, subs []string
	values := map[string]string{}
	for pair := range strings.SplitSeq(rawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil || !subResources[name] || seen[name] {
			continue
		}
		seen[name], values[name] = true, value
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if v := values[name]; v != "" {
			name += "=" + v
		}
		subs = append(subs, name)
	}
	if len(subs) == 0 {
		return resource
	}
	return resource + "?" + strings.Join(subs, "&")
}
