// Command testsum reads `go test -json` on standard input, prints one line a package and the output of what failed, and
// ends with the line "N passed, N failed". Tests and their subtests count; a package that fails without a failing test
// (it does not build, it timed out) counts as one failure. It exits 1 when anything failed or nothing ran.
package main

import (
	"fmt"
	"os"
)

func main() {
	s := newSummary(os.Stdout)
	if err := s.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(1)
	}
	if !s.close() {
		os.Exit(1)
	}
}
