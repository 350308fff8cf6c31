package api

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/opensds/gelato/internal/errs"
)

// stamp is a time as REST shows it: RFC 3339 in UTC, nil when there is none.
func stamp(t *timestamppb.Timestamp) *time.Time {
	if t == nil || !t.IsValid() {
		return nil
	}
	u := t.AsTime().UTC()
	return &u
}

// duration is a length of time in whole seconds, written "90s", "15m", "24h" or "7d", or several of these in a row ("1h30m").
type duration int64

const day duration = 86400

var units = []struct {
	name    byte
	seconds int64
}{{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}}

// parseDuration reads what String writes.
func parseDuration(text string) (duration, error) {
	bad := errs.Newf(errs.InvalidArgument, "%q is no duration such as 90s, 24h or 7d", text)
	rest, total, next := text, int64(0), 0
	if rest == "" {
		return 0, bad
	}
	for rest != "" {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		if digits == 0 || digits == len(rest) {
			return 0, bad
		}
		n, err := strconv.ParseInt(rest[:digits], 10, 64)
		if err != nil {
			return 0, bad
		}
		for next < len(units) && units[next].name != rest[digits] {
			next++
		}
		if next == len(units) || n > (math.MaxInt64-total)/units[next].seconds {
			return 0, bad
		}
		total += n * units[next].seconds
		rest = rest[digits+1:]
		next++
	}
	return duration(total), nil
}

// String writes d in the largest unit that divides it; a single day is 24h.
func (d duration) String() string {
	for _, u := range units {
		if d > 0 && int64(d)%u.seconds == 0 && !(d == day && u.name == 'd') {
			return fmt.Sprintf("%d%c", int64(d)/u.seconds, u.name)
		}
	}
	return "0s"
}
