// Package config fills a command's flags from four places: the command line, the environment (GELATO_<FLAG>), a YAML file, and the
// defaults, in this order of precedence; and it prints what came of it.
//
// The flag set is the schema: a key of the file that is no flag is an error, so is a value that its flag refuses. Flags in a group
// (see Group) are written below the group's name in the file: --tls-ca is "ca" below "tls". Only cmd imports it.
package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/opensds/gelato/internal/errs"
)

// FileFlag is the flag that names the YAML file; it cannot stand in the file itself.
const FileFlag = "config"

// Env names the environment variable of a flag: "s3-listen" is GELATO_S3_LISTEN.
func Env(flag string) string {
	return "GELATO_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Fill sets the flags that the command line did not, from lookupEnv (os.LookupEnv) and then from the file that --config names. All problems are
// reported at once, as one InvalidArgument; those of the file with its line.
func Fill(flags *pflag.FlagSet, lookupEnv func(string) (string, bool)) error {
	var problems []error
	set := func(f *pflag.Flag, value, from string) {
		if err := flags.Set(f.Name, value); err != nil {
			problems = append(problems, fmt.Errorf("%s: %q is no value for %s", from, masked(f, value), f.Name))
		}
	}
	flags.VisitAll(func(f *pflag.Flag) {
		if value, ok := lookupEnv(Env(f.Name)); ok && !f.Changed && f.Name != "help" {
			set(f, value, Env(f.Name))
		}
	})
	if file := flags.Lookup(FileFlag); file != nil && file.Value.String() != "" {
		path := file.Value.String()
		entries, err := read(path)
		if err != nil {
			return err
		}
		byKey := map[string]*pflag.Flag{}
		flags.VisitAll(func(f *pflag.Flag) { byKey[key(f)] = f })
		for _, e := range entries {
			at := fmt.Sprintf("%s:%d", path, e.line)
			switch f := byKey[e.key]; {
			case f == nil || f.Name == FileFlag || f.Name == "help":
				problems = append(problems, fmt.Errorf("%s: unknown key %q", at, e.key))
			case e.problem != "":
				problems = append(problems, fmt.Errorf("%s: %s %s", at, e.key, e.problem))
			case !f.Changed:
				set(f, e.value, at)
			}
		}
	}
	if len(problems) > 0 {
		return errs.Newf(errs.InvalidArgument, "%s", strings.ReplaceAll(errors.Join(problems...).Error(), "\n", "; "))
	}
	return nil
}
