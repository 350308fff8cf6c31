package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
)

// event is one line of `go test -json` (go doc test2json); the build actions have ImportPath in place of Package.
type event struct {
	Action, Package, ImportPath, Test, Output, FailedBuild string
	Elapsed                                                float64
}

type test struct{ pkg, name string }

// summary folds events into counts and prints as it goes.
type summary struct {
	out                     io.Writer
	passed, failed, skipped int
	failures                []string
	output                  map[test]*strings.Builder
	builds                  map[string]*strings.Builder // by import path, with its variant
	running                 map[test]bool
	failedIn                map[string]bool // packages in which a test failed
}

func newSummary(out io.Writer) *summary {
	return &summary{out: out, output: map[test]*strings.Builder{}, builds: map[string]*strings.Builder{}, running: map[test]bool{}, failedIn: map[string]bool{}}
}

// read consumes events to the end. What is not JSON is printed as it is.
func (s *summary) read(r io.Reader) error {
	br := bufio.NewReader(r)
	for {
		line, err := br.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
				fmt.Fprint(s.out, line)
			} else {
				s.add(e)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
	}
}

func (s *summary) add(e event) {
	t := test{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		appendTo(s.builds, e.ImportPath, e.Output)
	case "output":
		appendTo(s.output, t, e.Output)
		if _, figure, ok := strings.Cut(e.Output, "figure: "); ok {
			fmt.Fprintf(s.out, "     %s: %s", e.Test, figure)
		}
	case "run":
		s.running[t] = true
	case "pass", "skip", "fail":
		delete(s.running, t)
		if e.Test == "" {
			s.endPackage(e)
			return
		}
		s.endTest(e, t)
	}
}

func (s *summary) endTest(e event, t test) {
	switch e.Action {
	case "pass":
		s.passed++
	case "skip":
		s.skipped++
	case "fail":
		s.failed++
		s.failedIn[e.Package] = true
		s.failures = append(s.failures, e.Package+" "+e.Test)
		fmt.Fprintf(s.out, "--- FAIL %s %s\n%s", e.Package, e.Test, text(s.output[t]))
	}
	delete(s.output, t)
}

func (s *summary) endPackage(e event) {
	word := map[string]string{"pass": "ok  ", "skip": "-   ", "fail": "FAIL"}[e.Action]
	if e.Action == "fail" && !s.failedIn[e.Package] {
		s.failed++
		s.failures = append(s.failures, e.Package)
		fmt.Fprint(s.out, text(s.builds[e.FailedBuild]))
	}
	if e.Action == "fail" {
		// A panic or a timeout is in the output of the tests that never ended.
		for t := range s.running {
			if t.pkg == e.Package {
				fmt.Fprintf(s.out, "--- NOT ENDED %s %s\n%s", t.pkg, t.name, text(s.output[t]))
				delete(s.running, t)
			}
		}
		fmt.Fprint(s.out, text(s.output[test{e.Package, ""}]))
	}
	delete(s.output, test{e.Package, ""})
	if e.Action != "skip" {
		fmt.Fprintf(s.out, "%s %s %.1fs\n", word, e.Package, e.Elapsed)
	}
}

// close prints the closing lines and says whether all is well.
func (s *summary) close() bool {
	sort.Strings(s.failures)
	for _, f := range s.failures {
		fmt.Fprintln(s.out, "failed:", f)
	}
	if s.skipped > 0 {
		fmt.Fprintf(s.out, "%d skipped\n", s.skipped)
	}
	fmt.Fprintf(s.out, "%d passed, %d failed\n", s.passed, s.failed)
	return s.failed == 0 && s.passed > 0
}

func appendTo[K comparable](m map[K]*strings.Builder, k K, text string) {
	if m[k] == nil {
		m[k] = &strings.Builder{}
	}
	m[k].WriteString(text)
}

func text(b *strings.Builder) string {
	if b == nil {
		return ""
	}
	return b.String()
}
