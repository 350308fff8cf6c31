package assemble

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/docstore/mongo"
	"github.com/opensds/gelato/internal/docstore/pebble"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/queue"
	"github.com/opensds/gelato/internal/queue/embedded"
	"github.com/opensds/gelato/internal/queue/kafka"
	"github.com/opensds/gelato/internal/telemetry"
)

// Where state and queue are embedded in the process.
const (
	Pebble   = "pebble:"
	Embedded = "embedded:"
)

const (
	kafkaScheme = "kafka://"
	patience    = 365 * 24 * time.Hour // with a state server that is away at the start: as long as somebody lets the process wait
)

// CheckState says whether OpenState knows the form of a URL. shared refuses what only one process can use. No error repeats the URL, in which
// a password may stand in any place.
func CheckState(url string, shared bool) error {
	switch {
	case url == "":
		return errs.Newf(errs.InvalidArgument, "--state is missing: want mongodb://HOST[:PORT]/DATABASE")
	case strings.HasPrefix(url, Pebble) && shared:
		return errs.Newf(errs.InvalidArgument, "--state pebble: is for gelato up, as one process at a time can use it; services of their own need mongodb://HOST[:PORT]/DATABASE")
	case strings.HasPrefix(url, Pebble), isMongo(url):
		return nil
	case shared:
		return errs.Newf(errs.InvalidArgument, "--state: want mongodb://HOST[:PORT]/DATABASE")
	}
	return errs.Newf(errs.InvalidArgument, "--state: want pebble:, pebble:DIR or mongodb://HOST[:PORT]/DATABASE")
}

// OpenState opens the state that a URL names: pebble:DIR is a directory on this machine, pebble: alone is "state" below dataDir. A server
// that is away is waited for.
func OpenState(ctx context.Context, url, dataDir string, tel *telemetry.Telemetry) (docstore.Store, error) {
	if dir, ok := strings.CutPrefix(url, Pebble); ok {
		if dir == "" {
			dir = filepath.Join(dataDir, "state")
		}
		return pebble.Open(dir, pebble.Options{Logger: tel.Log, Registerer: tel.Registry})
	}
	if isMongo(url) {
		s, err := mongo.Open(ctx, url, mongo.Options{Patience: patience, Logger: tel.Log, Registerer: tel.Registry})
		switch {
		case err == nil:
			return s, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
	return nil, CheckState(url, false)
}

func isMongo(url string) bool {
	return strings.HasPrefix(url, "mongodb://") || strings.HasPrefix(url, "mongodb+srv://")
}

// CheckQueue says whether OpenQueue knows the form of a URL. shared refuses what only one process can use.
func CheckQueue(url string, shared bool) error {
	switch {
	case url == "":
		return errs.Newf(errs.InvalidArgument, "--queue is missing: want kafka://HOST:PORT[,HOST:PORT]")
	case url == Embedded && shared:
		return errs.Newf(errs.InvalidArgument, "--queue embedded: is for gelato up, as it ends at the process; services of their own need kafka://HOST:PORT[,HOST:PORT]")
	case url == Embedded, strings.HasPrefix(url, kafkaScheme):
		return nil
	case shared:
		return errs.Newf(errs.InvalidArgument, "--queue: want kafka://HOST:PORT[,HOST:PORT]")
	}
	return errs.Newf(errs.InvalidArgument, "--queue: want embedded: or kafka://HOST:PORT[,HOST:PORT]")
}

// OpenQueue opens the queue that a URL names; embedded: is in this process. kafka:// need not be there.
func OpenQueue(ctx context.Context, url string, tel *telemetry.Telemetry) (queue.Queue, error) {
	if url == Embedded {
		return embedded.New(embedded.Options{Logger: tel.Log}), nil
	}
	if strings.HasPrefix(url, kafkaScheme) {
		q, err := kafka.Open(ctx, url, kafka.Options{Logger: tel.Log, Registerer: tel.Registry})
		if err != nil {
			return nil, err
		}
		return q, nil
	}
	return nil, CheckQueue(url, false)
}
