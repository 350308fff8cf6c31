package client

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/opensds/gelato/internal/errs"
)

// kind is a type of backends.
type kind struct {
	Name, Description, Missing string
	Fields                     []kindField
	Capabilities               *kindLimits
}

type kindField struct {
	Name, Description, Default string
	Required, Secret           bool
	Choices                    []string
}

type kindLimits struct {
	MaxObjectSize, MaxPutSize, MinPartSize, MaxPartSize, MaxCopySize, MaxParts, MaxKeyBytes int64
	Multipart, ConditionalPut, ConditionalDelete, ServerCopy, StoresChecksum                bool
	StorageClasses                                                                          []string
	S3Classes                                                                               map[string]string
}

func backendTypes(s *settings) *cobra.Command {
	return command(s, "types [TYPE]", "List the types of backends: the flags that each takes, and what it can do", cobra.MaximumNArgs(1), func(cmd *cobra.Command, r *rest, args []string) error {
		found := []json.RawMessage{}
		err := r.list(cmd.Context(), "types", nil, func(item json.RawMessage) error {
			var k kind
			if err := json.Unmarshal(item, &k); err != nil {
				return fmt.Errorf("read answer: %w", err)
			}
			if len(args) > 0 && k.Name != args[0] {
				return nil
			}
			found = append(found, item)
			if s.json() {
				return nil
			}
			return k.print(cmd.OutOrStdout())
		})
		switch {
		case err != nil:
			return err
		case len(args) > 0 && len(found) == 0:
			return errs.Newf(errs.NotFound, "there is no backend type %q", args[0])
		case !s.json():
			return nil
		}
		text, err := json.Marshal(found)
		if err != nil {
			return err
		}
		return writeJSON(cmd.OutOrStdout(), text)
	})
}

func (k kind) print(out io.Writer) error {
	fmt.Fprintf(out, "%s: %s\n", oneLine(k.Name), oneLine(k.Description))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, text string) { fmt.Fprintf(w, "  %s\t%s\n", oneLine(name), oneLine(text)) }
	if k.Missing != "" {
		line("not in this build", k.Missing)
	}
	for _, f := range k.Fields {
		line(f.flag(), f.Description+f.notes())
	}
	if c := k.Capabilities; c != nil {
		line("limits", c.limits())
		line("can", c.features())
		if len(c.StorageClasses) > 0 {
			line("storage classes", c.classes())
		}
	}
	return w.Flush()
}

// flag is how `backend add` takes the field.
func (f kindField) flag() string {
	if option, ok := strings.CutPrefix(f.Name, "options."); ok {
		return "--option " + option + "="
	}
	var b strings.Builder
	b.WriteString("--")
	for _, c := range f.Name {
		if unicode.IsUpper(c) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	if f.Secret {
		b.WriteString("-file")
	}
	return b.String()
}

func (f kindField) notes() string {
	var notes []string
	if f.Required {
		notes = append(notes, "required")
	}
	if f.Secret {
		notes = append(notes, "secret")
	}
	if len(f.Choices) > 0 {
		notes = append(notes, "one of "+strings.Join(f.Choices, ", "))
	}
	if f.Default != "" {
		notes = append(notes, "default "+f.Default)
	}
	if notes == nil {
		return ""
	}
	return " (" + strings.Join(notes, "; ") + ")"
}

func (c kindLimits) limits() string {
	var parts []string
	most := func(what string, n int64) {
		if n > 0 {
			parts = append(parts, what+" up to "+bytesText(n))
		}
	}
	most("objects", c.MaxObjectSize)
	most("one write", c.MaxPutSize)
	if c.Multipart {
		parts = append(parts, fmt.Sprintf("%s parts from %s", countText(c.MaxParts), bytesText(c.MinPartSize)))
		most("each", c.MaxPartSize)
	}
	if c.MaxKeyBytes > 0 {
		parts = append(parts, "keys up to "+countText(c.MaxKeyBytes)+" bytes less the prefix")
	}
	return strings.Join(parts, ", ")
}

func (c kindLimits) features() string {
	parts := []string{"get, put, list"}
	for _, f := range []struct {
		has  bool
		text string
	}{{c.Multipart, "multipart uploads"}, {c.ConditionalPut, "atomic conditions on writes"}, {c.ConditionalDelete, "atomic conditions on deletes"},
		{c.ServerCopy, "copies of up to " + bytesText(c.MaxCopySize) + " that do not travel"}, {c.StoresChecksum, "checksums of its own"}} {
		if f.has {
			parts = append(parts, f.text)
		}
	}
	return strings.Join(parts, ", ")
}

// classes are the storage classes, with S3's names for them.
func (c kindLimits) classes() string {
	list := slices.Clone(c.StorageClasses)
	for i, class := range list {
		for _, name := range slices.Sorted(maps.Keys(c.S3Classes)) {
			if c.S3Classes[name] == class {
				list[i] += " (" + name + ")"
			}
		}
	}
	return strings.Join(list, ", ")
}
