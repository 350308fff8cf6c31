package s3

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

var update = flag.Bool("update", false, "write README's table of operations")

const (
	readme     = "../README.md"
	tableBegin = "<!-- operations: written by go test ./s3 -run TestReadmeOperations -update -->\n"
	tableEnd   = "<!-- end of operations -->\n"
)

// README's table of operations is made of the operation table.
func TestReadmeOperations(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(raw), tableBegin)
	was, tail, ended := strings.Cut(rest, tableEnd)
	if !found || !ended {
		t.Fatalf("README lacks the marks of the table")
	}
	want := readmeOperations()
	if was == want {
		return
	}
	if !*update {
		t.Fatal("README's table of operations is not that of the code: go test ./s3 -run TestReadmeOperations -update")
	}
	if err := os.WriteFile(readme, []byte(head+tableBegin+want+tableEnd+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readmeOperations() string {
	var b strings.Builder
	b.WriteString("| operation | request | permission |\n|---|---|---|\n")
	rows := operations()
	slices.SortStableFunc(rows, func(a, b operation) int { return strings.Compare(a.name, b.name) })
	for _, o := range rows {
		path := [...]string{onService: "/", onBucket: "/{bucket}", onObject: "/{bucket}/{key}"}[o.level]
		if o.marker != "" {
			path += "?" + o.marker
		}
		if o.header != "" {
			path += " with " + strings.ToLower(o.header)
		}
		permission := o.action
		if permission == "" {
			permission = "of each key that the body names"
		}
		if o.version != "" {
			permission += ", " + o.version
		}
		fmt.Fprintf(&b, "| %s | `%s %s` | %s |\n", o.name, o.method, path, permission)
	}
	others := []string{}
	for _, o := range unbuilt() {
		others = append(others, o.name)
	}
	slices.Sort(others)
	fmt.Fprintf(&b, "\nAnswered with 501 `NotImplemented` and their names: %s.\n", strings.Join(others, ", "))
	return b.String()
}

// Each operation that AWS's SDK knows is built or named as not built.
func TestAllOperationsKnown(t *testing.T) {
	t.Parallel()
	known := map[string]bool{
		"WriteGetObjectResponse": true, // of S3 Object Lambda, which has an endpoint of its own
		"ListDirectoryBuckets":   true, // of S3 Express, the same
	}
	for _, o := range slices.Concat(operations(), unbuilt()) {
		known[o.name] = true
	}
	client := reflect.TypeFor[*awss3.Client]()
	for i := range client.NumMethod() {
		if name := client.Method(i).Name; name != "Options" && !known[name] {
			t.Errorf("%s is neither built nor named as not built", name)
		}
	}
}
