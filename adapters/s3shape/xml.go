package s3shape

import (
	"bufio"
	"bytes"
	"io"
	"strconv"
)

// LegalXML puts a question mark in place of each character that XML 1.0 does not have. Stores repeat keys and prefixes in their answers
// as they are, or as references (&#x1;), even where they were asked to encode keys, and a strict parser refuses the
// whole answer. What is taken from answers is encoded otherwise (see trials).
func LegalXML(body io.ReadCloser) io.ReadCloser {
	return &xmlBody{r: bufio.NewReaderSize(body, 4<<10), Closer: body}
}

type xmlBody struct {
	r *bufio.Reader
	io.Closer
}

func (x *xmlBody) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if _, err := x.r.Peek(1); err != nil {
		return 0, err
	}
	n := 0
	for n < len(p) && x.r.Buffered() > 0 { // what is there is given, nothing is waited for
		b, err := x.r.ReadByte()
		if err != nil {
			return n, err
		}
		switch {
		case b < ' ' && b != '\t' && b != '\n' && b != '\r':
			b = '?'
		case b == 0xEF:
			if next, _ := x.r.Peek(2); len(next) == 2 && next[0] == 0xBF && next[1] >= 0xBE { // U+FFFE, U+FFFF
				_, _ = x.r.Discard(2)
				b = '?'
			}
		case b == '&':
			if length := illegalReference(x.r); length > 0 {
				_, _ = x.r.Discard(length)
				b = '?'
			}
		}
		p[n] = b
		n++
	}
	return n, nil
}

// illegalReference returns how many bytes follow an ampersand if they make a reference to a character that XML 1.0 does not have, else 0.
func illegalReference(r *bufio.Reader) int {
	next, _ := r.Peek(12) // "#x10FFFF;" and some leading zeros
	end := bytes.IndexByte(next, ';')
	if end < 2 || next[0] != '#' {
		return 0
	}
	digits, base := string(next[1:end]), 10
	if digits[0] == 'x' || digits[0] == 'X' {
		digits, base = digits[1:], 16
	}
	v, err := strconv.ParseUint(digits, base, 32)
	if err != nil || v >= ' ' && v != 0xFFFE && v != 0xFFFF || v == '\t' || v == '\n' || v == '\r' {
		return 0
	}
	return end + 1
}
