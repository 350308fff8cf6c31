// Package config fills a command's flags from four places: the command line, the environment (GELATO_<FLAG>), a YAML file, and the
// defaults, in this order of precedence.
//
// The flag set is the schema: a key of the file that is no flag is an error, so is a value that its flag refuses. Only cmd imports it.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/opensds/gelato/internal/errs"
)

const maxFile = 1 << 20

// FileFlag is the flag that names the YAML file; it cannot stand in the file itself.
const FileFlag = "config"

// Env names the environment variable of a flag: "s3-listen" is GELATO_S3_LISTEN.
func Env(flag string) string {
	return "GELATO_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Fill sets the flags that the command line did not, from lookupEnv (os.LookupEnv) and then from the file that --config names. All problems are
// reported at once, as one InvalidArgument.
func Fill(flags *pflag.FlagSet, lookupEnv func(string) (string, bool)) error {
	var problems []error
	set := func(f *pflag.Flag, value, from string) {
		if err := flags.Set(f.Name, value); err != nil {
			problems = append(problems, fmt.Errorf("%s: %q is no value for %s", from, value, f.Name))
		}
	}
	flags.VisitAll(func(f *pflag.Flag) {
		if value, ok := lookupEnv(Env(f.Name)); ok && !f.Changed && f.Name != "help" {
			set(f, value, Env(f.Name))
		}
	})
	if file := flags.Lookup(FileFlag); file != nil && file.Value.String() != "" {
		values, err := read(file.Value.String())
		if err != nil {
			return err
		}
		for key, value := range values {
			switch f := flags.Lookup(key); {
			case f == nil || key == FileFlag || key == "help":
				problems = append(problems, fmt.Errorf("%s: unknown key %q", file.Value, key))
			case !f.Changed:
				set(f, value, file.Value.String())
			}
		}
	}
	if len(problems) > 0 {
		return errs.Newf(errs.InvalidArgument, "%s", strings.ReplaceAll(errors.Join(problems...).Error(), "\n", "; "))
	}
	return nil
}

// read returns the scalars of a flat YAML mapping; lists become comma-separated, as list flags take them.
func read(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, errs.Newf(errs.InvalidArgument, "the configuration file cannot be read: %v", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, errs.New(errs.InvalidArgument, "the configuration file cannot be read", err)
	}
	if len(text) > maxFile {
		return nil, errs.Newf(errs.InvalidArgument, "the configuration file is larger than %d bytes", maxFile)
	}
	var nodes map[string]yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&nodes); err != nil && !errors.Is(err, io.EOF) {
		return nil, errs.Newf(errs.InvalidArgument, "%s: %v", path, err)
	}
	values := make(map[string]string, len(nodes))
	for key, n := range nodes {
		switch {
		case n.Kind == yaml.ScalarNode:
			values[key] = n.Value
		case n.Kind == yaml.SequenceNode:
			var items []string
			if err := n.Decode(&items); err != nil {
				return nil, errs.Newf(errs.InvalidArgument, "%s: %s must be a list of plain values", path, key)
			}
			values[key] = strings.Join(items, ",")
		default:
			return nil, errs.Newf(errs.InvalidArgument, "%s: %s must be a plain value", path, key)
		}
	}
	return values, nil
}
