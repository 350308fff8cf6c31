package s3

import (
	"net/http"
	"time"
)

const keepAlive = 10 * time.Second

// long answers work that may take longer than clients wait for headers. When it takes longer than keepAlive, 200 is sent with the XML prolog, then blanks; what goes
// wrong after that is an <Error> under status 200, as S3 documents for CopyObject, UploadPartCopy and CompleteMultipartUpload. work ends before long returns.
func (s *Service) long(w http.ResponseWriter, r *request, work func() (write func(*document), err error)) error {
	type outcome struct {
		write func(*document)
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			if p := recover(); p != nil {
				o.err = panicked(p)
			}
			done <- o
		}()
		o.write, o.err = work()
	}()
	ticker := time.NewTicker(s.keepUp)
	defer ticker.Stop()
	begun := false
	var o outcome
	for waiting := true; waiting; {
		select {
		case o = <-done:
			waiting = false
		case <-ticker.C:
			if !begun {
				begun = true
				w.Header()["Content-Type"] = []string{"application/xml"}
				w.WriteHeader(http.StatusOK)
				w.Write([]byte(xmlProlog))
			}
			s.patience(r)
			w.Write([]byte(" ")) // a client that went away shows when the answer is written
			r.control.Flush()
		}
	}
	if o.err != nil && !begun {
		return o.err
	}
	s.patience(r)
	x := s.page()
	defer s.release(x)
	if !begun {
		x.prolog()
		o.write(x)
		return x.send(w, http.StatusOK)
	}
	if o.err != nil {
		s.errorDocument(x, r, o.err)
	} else {
		o.write(x)
	}
	_, err := w.Write(x.b)
	return err
}
