package assemble

import (
	"os"
	"runtime"
	"runtime/debug"
)

const (
	gcPercent   = 200       // half as many collections as Go's default: small requests make much garbage beside a small live heap
	spareProcs  = 6         // beyond one for each core, for goroutines in file calls: the runtime takes a while to notice that one blocks
	memoryLimit = 160 << 20 // bytes: from here on it collects as often as it must, to stay under 300 MiB resident
)

// TuneRuntime sets the garbage collector's pace and how many goroutines run at once, unless GOGC, GOMEMLIMIT or GOMAXPROCS do.
func TuneRuntime() {
	if _, ok := os.LookupEnv("GOMAXPROCS"); !ok {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + spareProcs)
	}
	if _, ok := os.LookupEnv("GOGC"); !ok {
		debug.SetGCPercent(gcPercent)
	}
	if _, ok := os.LookupEnv("GOMEMLIMIT"); !ok {
		debug.SetMemoryLimit(memoryLimit)
	}
}
