// Package glob matches object keys against the patterns of plans.
//
// A pattern is made of path elements with the wildcards of path.Match (* ? [a-z] \x), none of which crosses a slash; the element ** stands
// for any number of elements, none included. A pattern without a slash is compared with the last element of the key alone.
// Any service may import it.
package glob

import (
	"path"
	"strings"

	"github.com/opensds/gelato/internal/errs"
)

// Check refuses, with InvalidArgument, what is no pattern.
func Check(pattern string) error {
	if pattern == "" || len(pattern) > 1024 {
		return errs.Newf(errs.InvalidArgument, "a pattern has 1 to 1024 bytes")
	}
	if _, err := path.Match(pattern, ""); err != nil {
		return errs.Newf(errs.InvalidArgument, "%q is no pattern", pattern)
	}
	return nil
}

// Match reports whether key matches a pattern that Check accepts.
func Match(pattern, key string) bool {
	if !strings.Contains(pattern, "/") {
		return match([]string{pattern}, []string{key[strings.LastIndexByte(key, '/')+1:]})
	}
	return match(strings.Split(pattern, "/"), strings.Split(key, "/"))
}

// Any reports whether key matches one of patterns.
func Any(patterns []string, key string) bool {
	for _, p := range patterns {
		if Match(p, key) {
			return true
		}
	}
	return false
}

// match goes back to the latest ** only: what an earlier one took can be taken by it as well.
func match(pattern, elements []string) bool {
	p, e := 0, 0
	backP, backE := -1, 0
	for e < len(elements) {
		if p < len(pattern) && pattern[p] == "**" {
			p++
			backP, backE = p, e
			continue
		}
		if p < len(pattern) {
			if ok, err := path.Match(pattern[p], elements[e]); err == nil && ok {
				p, e = p+1, e+1
				continue
			}
		}
		if backP < 0 {
			return false
		}
		backE++
		p, e = backP, backE
	}
	for p < len(pattern) && pattern[p] == "**" {
		p++
	}
	return p == len(pattern)
}
