// Package postform reads browser-based uploads: the multipart/form-data body of a POST, and the policy that says what such a form may do.
//
// Only s3/ imports it. Read takes the fields into memory, at most 20 KiB of them, and leaves the file to be streamed; nothing after the file counts. Who signed the policy is for
// s3/sigv4 to say. Failures are errs with S3's own code as the reason. Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html,
// sigv4-HTTPPOSTForms.html and sigv4-HTTPPOSTConstructPolicy.html.
package postform

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	"github.com/opensds/gelato/internal/errs"
)

const (
	maxFields   = 20 << 10 // bytes before the file
	readAhead   = 4 << 10  // that mime/multipart takes beyond what it hands out
	maxBoundary = 70       // RFC 2046
)

// Form is what came before the file, and the file.
type Form struct {
	Fields   map[string]string // by name in lower case, ${filename} replaced; without those that are to be ignored
	FileName string            // without directories
	File     io.Reader         // fails with MalformedPOSTRequest when the form ends within it
}

// Read reads a form up to the first byte of its file. Errors of body that are errs stay what they are.
func Read(body io.Reader, contentType string) (*Form, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/form-data" {
		return nil, refuse("RequestIsNotMultiPartContent", "Bucket POST must be of the enclosure-type multipart/form-data.", err)
	}
	boundary := params["boundary"]
	if boundary == "" || len(boundary) > maxBoundary {
		return nil, malformed(nil)
	}
	before := &preamble{body: body, left: maxFields + readAhead}
	parts := multipart.NewReader(before, boundary)
	f := &Form{Fields: map[string]string{}}
	for {
		part, err := parts.NextRawPart()
		switch {
		case err == io.EOF: // as it is: after the last boundary
			return nil, refuse("IncorrectNumberOfFilesInPostRequest", "POST requires exactly one file upload per request.", err)
		case err != nil:
			return nil, readFailed(err)
		}
		name := strings.ToLower(part.FormName())
		if name == "file" {
			before.unlimited = true
			f.FileName = baseName(part.FileName())
			f.File = file{part}
			return f, f.expand()
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, readFailed(err)
		}
		if _, twice := f.Fields[name]; twice || name == "" {
			return nil, malformed(nil)
		}
		if !strings.HasPrefix(name, "x-ignore-") {
			f.Fields[name] = string(value)
		}
	}
}

// Has reports whether the form has a field.
func (f *Form) Has(name string) bool {
	_, ok := f.Fields[name]
	return ok
}

// expand puts the name of the file where fields ask for it, which must not make them larger than fields may be. What was signed stays as it is.
func (f *Form) expand() error {
	const variable = "${filename}"
	for name, value := range f.Fields {
		if uncovered(name) {
			continue
		}
		if strings.Count(value, variable)*len(f.FileName) > maxFields {
			return tooMuch()
		}
		f.Fields[name] = strings.ReplaceAll(value, variable, f.FileName)
	}
	return nil
}

// uncovered reports whether a field is about the policy, which therefore cannot speak of it.
func uncovered(name string) bool {
	switch name {
	case "policy", "signature", "x-amz-signature", "awsaccesskeyid":
		return true
	}
	return false
}

// baseName cuts directories off, as browsers of all systems write them.
func baseName(name string) string {
	return name[strings.LastIndexAny(name, `/\`)+1:]
}

// preamble bounds what may come before the file.
type preamble struct {
	body      io.Reader
	left      int
	unlimited bool
}

func (p *preamble) Read(b []byte) (int, error) {
	if p.unlimited {
		return p.body.Read(b)
	}
	if p.left <= 0 {
		return 0, tooMuch()
	}
	n, err := p.body.Read(b[:min(len(b), p.left)])
	p.left -= n
	return n, err
}

// file is the last part, up to its boundary.
type file struct{ part *multipart.Part }

func (f file) Read(b []byte) (int, error) {
	n, err := f.part.Read(b)
	if err != nil && err != io.EOF {
		err = readFailed(err)
	}
	return n, err
}

// readFailed tells a form that is wrong from a body that could not be read.
func readFailed(err error) error {
	if own, ok := errors.AsType[*errs.Error](err); ok {
		return own
	}
	return malformed(err)
}

func tooMuch() error {
	return refuse("MaxPostPreDataLengthExceededError", "Your POST request fields preceding the upload file were too large.", nil)
}

func malformed(cause error) error {
	return refuse("MalformedPOSTRequest", "The body of your POST request is not well-formed multipart/form-data.", cause)
}

func refuse(reason, message string, cause error) error {
	return errs.New(errs.InvalidArgument, message, cause).Because(reason)
}
