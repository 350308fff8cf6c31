package config

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// Annotations of flags.
const (
	groupNote  = "gelato_group"
	secretNote = "gelato_secret"
)

// Group puts flags whose names begin with name and a dash below name in the file.
func Group(flags *pflag.FlagSet, name string) {
	flags.VisitAll(func(f *pflag.Flag) {
		if strings.HasPrefix(f.Name, name+"-") {
			annotate(f, groupNote, name)
		}
	})
}

// SecretURL says that the value of a flag is a URL that may hold a password, which is never shown.
func SecretURL(flags *pflag.FlagSet, name string) { annotate(flags.Lookup(name), secretNote, "url") }

func annotate(f *pflag.Flag, note, value string) {
	if f.Annotations == nil {
		f.Annotations = map[string][]string{}
	}
	f.Annotations[note] = []string{value}
}

// key is the name of a flag in a file: "tls.ca" where "tls" is its group.
func key(f *pflag.Flag) string {
	if g := f.Annotations[groupNote]; g != nil {
		return g[0] + "." + strings.TrimPrefix(f.Name, g[0]+"-")
	}
	return f.Name
}

// Keys returns the names that a file may have, "group.key" for those below a group.
func Keys(flags *pflag.FlagSet) []string {
	var list []string
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name != FileFlag && f.Name != "help" {
			list = append(list, key(f))
		}
	})
	return list
}

// Print writes the effective values of the flags as a file that Fill would take, but for passwords, which are masked.
func Print(w io.Writer, flags *pflag.FlagSet) error {
	top := &yaml.Node{Kind: yaml.MappingNode}
	groups := map[string]*yaml.Node{}
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name == FileFlag || f.Name == "help" {
			return
		}
		into, name := top, key(f)
		if group, rest, ok := strings.Cut(name, "."); ok {
			if groups[group] == nil {
				groups[group] = &yaml.Node{Kind: yaml.MappingNode}
				top.Content = append(top.Content, scalar(group), groups[group])
			}
			into, name = groups[group], rest
		}
		into.Content = append(into.Content, scalar(name), value(f))
	})
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(top); err != nil {
		return fmt.Errorf("print configuration: %w", err)
	}
	return e.Close()
}

func scalar(text string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: text} }

func value(f *pflag.Flag) *yaml.Node {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, item := range list.GetSlice() {
			n.Content = append(n.Content, scalar(item))
		}
		return n
	}
	n := scalar(masked(f, f.Value.String()))
	if f.Value.Type() == "string" && n.Value == "" {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// masked is a value as it may be shown.
func masked(f *pflag.Flag, value string) string {
	if f.Annotations[secretNote] == nil {
		return value
	}
	return MaskURL(value)
}

const mask = "***"

// MaskURL hides the password of a URL, which may list several hosts, and the values of options whose names say that they are secret. It errs
// on the side of hiding: what stands before the last "@" is taken for a user and a password.
func MaskURL(u string) string {
	scheme, rest, ok := strings.Cut(u, "://")
	if !ok {
		return u
	}
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		user, _, withPassword := strings.Cut(rest[:at], ":")
		if withPassword {
			user += ":" + mask
		}
		rest = user + rest[at:]
	}
	before, query, ok := strings.Cut(rest, "?")
	if ok {
		options := strings.Split(query, "&")
		for i, o := range options {
			name, _, _ := strings.Cut(o, "=")
			lower := strings.ToLower(name)
			for _, word := range []string{"pass", "secret", "token", "authmechanismproperties"} {
				if strings.Contains(lower, word) {
					options[i] = name + "=" + mask
				}
			}
		}
		rest = before + "?" + strings.Join(options, "&")
	}
	return scheme + "://" + rest
}
