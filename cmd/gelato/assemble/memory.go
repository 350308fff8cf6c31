package assemble

import (
	"os"
	"runtime/debug"
)

const (
	gcPercent   = 200       // half as many collections as Go's default: small requests make much garbage beside a small live heap
	memoryLimit = 160 << 20 // bytes: from here on it collects as often as it must, to stay under 300 MiB resident
)

// TuneMemory sets the garbage collector's pace, unless GOGC or GOMEMLIMIT do.
func TuneMemory() {
	if _, ok := os.LookupEnv("GOGC"); !ok {
		debug.SetGCPercent(gcPercent)
	}
	if _, ok := os.LookupEnv("GOMEMLIMIT"); !ok {
		debug.SetMemoryLimit(memoryLimit)
	}
}
