package config

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/opensds/gelato/internal/errs"
)

const maxFile = 1 << 20

// entry is one key of a file with its value as a flag takes it; a key below a group is "group.key".
type entry struct {
	key, value string
	line       int
	problem    string // what is wrong with the value's form
}

// read returns the entries of a YAML mapping in their order; lists become comma-separated, as list flags take them.
func read(path string) ([]entry, error) {
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
	var doc yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, errs.Newf(errs.InvalidArgument, "%s: %v", path, err)
	}
	if decoder.Decode(new(yaml.Node)) != io.EOF {
		return nil, errs.Newf(errs.InvalidArgument, "%s: a configuration file holds one YAML document", path)
	}
	top := doc.Content[0]
	switch {
	case top.Kind == yaml.ScalarNode && top.Tag == "!!null": // nothing but comments
		return nil, nil
	case top.Kind != yaml.MappingNode:
		return nil, errs.Newf(errs.InvalidArgument, "%s:%d: a configuration file is a mapping of keys to values", path, top.Line)
	}
	return mapping(top, ""), nil
}

// mapping reads one mapping; prefix is the group's name and a dot, or nothing at the top.
func mapping(n *yaml.Node, prefix string) []entry {
	var list []entry
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		e := entry{key: prefix + k.Value, line: k.Line}
		switch {
		case seen[k.Value]:
			e.problem = "is given twice"
		case v.Kind == yaml.ScalarNode:
			e.value = v.Value
			if v.Tag == "!!null" {
				e.value = ""
			}
		case v.Kind == yaml.SequenceNode:
			items := make([]string, len(v.Content))
			for i, item := range v.Content {
				items[i] = item.Value
				if item.Kind != yaml.ScalarNode || strings.ContainsAny(item.Value, ",\"\n") {
					e.problem = "must be a list of plain values"
				}
			}
			e.value = strings.Join(items, ",")
		case v.Kind == yaml.MappingNode && prefix == "" && len(v.Content) > 0:
			list = append(list, mapping(v, k.Value+".")...)
			seen[k.Value] = true
			continue
		default:
			e.problem = "must be a plain value"
		}
		seen[k.Value] = true
		list = append(list, e)
	}
	return list
}
