package docstore

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

// Rev is a revision: 16 hex digits of nanoseconds since 1970 and 8 of a nonce. Revisions compare
// as strings in the order of their times, and no two are ever alike. The empty Rev means absent.
type Rev string

const revLen = 24

// NewRev draws a revision at now, or just after the time of prev when that is not earlier.
func NewRev(now time.Time, prev Rev) Rev {
	ns := now.UnixNano()
	if p := prev.unixNano(); p >= ns {
		ns = p + 1
	}
	var nonce [4]byte
	rand.Read(nonce[:]) // never fails
	return Rev(fmt.Sprintf("%016x%s", ns, hex.EncodeToString(nonce[:])))
}

// Time returns the time part of the revision; the zero Time for a malformed or empty one.
func (r Rev) Time() time.Time {
	if ns := r.unixNano(); ns > 0 {
		return time.Unix(0, ns)
	}
	return time.Time{}
}

func (r Rev) unixNano() int64 {
	if len(r) != revLen {
		return 0
	}
	ns, err := strconv.ParseInt(string(r[:16]), 16, 64)
	if err != nil {
		return 0
	}
	return ns
}
