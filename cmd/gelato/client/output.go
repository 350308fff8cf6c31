package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// printed shows one resource: its JSON as it came, or a line for each field that says something.
func printed(cmd *cobra.Command, s *settings, answer json.RawMessage) error {
	out := cmd.OutOrStdout()
	if s.json() {
		return writeJSON(out, answer)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	d := json.NewDecoder(bytes.NewReader(answer))
	d.UseNumber()
	if err := flatten(w, d, ""); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return w.Flush()
}

func writeJSON(out io.Writer, answer json.RawMessage) error {
	var b bytes.Buffer
	if err := json.Indent(&b, answer, "", "  "); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err := b.WriteTo(out)
	return err
}

// flatten writes the next JSON value as lines of path and value, in the order of the document; what is empty is left out.
func flatten(w io.Writer, d *json.Decoder, path string) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch v := token.(type) {
	case json.Delim:
		for i := 0; d.More(); i++ {
			next := fmt.Sprintf("%s[%d]", path, i)
			if v == '{' {
				name, err := d.Token()
				if err != nil {
					return err
				}
				next = strings.TrimPrefix(path+"."+fmt.Sprint(name), ".")
			}
			if err := flatten(w, d, next); err != nil {
				return err
			}
		}
		_, err := d.Token() // the closing one
		return err
	case nil:
		return nil
	case string:
		if v == "" {
			return nil
		}
		_, err = fmt.Fprintf(w, "%s\t%s\n", oneLine(path), oneLine(v))
	default:
		_, err = fmt.Fprintf(w, "%s\t%v\n", oneLine(path), v)
	}
	return err
}

// errEnough ends a listing early.
var errEnough = errors.New("enough")

// listed prints a listing: a table of what row makes of each item, or one JSON array. limit 0 is no limit.
func listed[T any](cmd *cobra.Command, s *settings, r *rest, resource string, query url.Values, limit int, head string, row func(v T) []string) error {
	var raw []json.RawMessage
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.ReplaceAll(head, " ", "\t"))
	count := 0
	err := r.list(cmd.Context(), resource, query, func(item json.RawMessage) error {
		count++
		var last error
		if count == limit {
			last = errEnough
		}
		if s.json() {
			raw = append(raw, item)
			return last
		}
		var v T
		if err := json.Unmarshal(item, &v); err != nil {
			return fmt.Errorf("read list of %s: %w", resource, err)
		}
		cells := row(v)
		for i, c := range cells {
			if cells[i] = oneLine(c); cells[i] == "" {
				cells[i] = "-"
			}
		}
		if _, err := fmt.Fprintln(w, strings.Join(cells, "\t")); err != nil {
			return err
		}
		return last
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	if s.json() {
		if raw == nil {
			raw = []json.RawMessage{}
		}
		text, err := json.Marshal(raw)
		if err != nil {
			return err
		}
		return writeJSON(cmd.OutOrStdout(), text)
	}
	return w.Flush()
}

// showCommand prints one resource.
func showCommand(s *settings, resource, argument, short string) *cobra.Command {
	return command(s, "show "+argument, short, cobra.ExactArgs(1), func(cmd *cobra.Command, r *rest, args []string) error {
		answer, err := r.call(cmd.Context(), "GET", []string{resource, args[0]}, nil, nil)
		if err != nil {
			return err
		}
		return printed(cmd, s, answer)
	})
}

// removeCommand deletes one resource.
func removeCommand(s *settings, resource, argument, short string) *cobra.Command {
	return command(s, "rm "+argument, short, cobra.ExactArgs(1), func(cmd *cobra.Command, r *rest, args []string) error {
		if _, err := r.call(cmd.Context(), "DELETE", []string{resource, args[0]}, nil, nil); err != nil || s.json() {
			return err
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "removed %s\n", args[0])
		return err
	})
}

// send creates or changes a resource and prints the answer.
func send(cmd *cobra.Command, s *settings, r *rest, method string, path []string, query url.Values, body any) error {
	answer, err := r.call(cmd.Context(), method, path, query, body)
	if err != nil {
		return err
	}
	return printed(cmd, s, answer)
}

// bytesText writes a number of bytes for people: "1.5 GiB".
func bytesText(n int64) string {
	const unit = 1024
	if n < unit {
		return strconv.FormatInt(n, 10) + " B"
	}
	v, i := float64(n)/unit, 0
	for v >= 999.95 && i < 5 {
		v /= unit
		i++
	}
	return fmt.Sprintf("%.1f %ciB", v, "KMGTPE"[i])
}

// countText writes a number with separators: "10,000".
func countText(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// timeText writes a time of REST in the local zone, "" when there is none.
func timeText(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}
