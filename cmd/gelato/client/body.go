package client

import (
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/opensds/gelato/internal/errs"
)

// body is a request body made of flags: only those that the user gave are in it, so that the same flags serve
// to create and to change.
type body struct {
	flags  *pflag.FlagSet
	fields []field
}

// field ties a flag to a place in the body: "filter.minSize".
type field struct {
	flag, path string
	value      func() (any, error)
}

func (b *body) add(flag, path string, value func() (any, error)) {
	b.fields = append(b.fields, field{flag, path, value})
}

func (b *body) text(flag, path, usage string) {
	v := b.flags.String(flag, "", usage)
	b.add(flag, path, func() (any, error) { return *v, nil })
}

func (b *body) number(flag, path, usage string) {
	v := b.flags.Int64(flag, 0, usage)
	b.add(flag, path, func() (any, error) { return *v, nil })
}

func (b *body) truth(flag, path, usage string) {
	v := b.flags.Bool(flag, false, usage)
	b.add(flag, path, func() (any, error) { return *v, nil })
}

func (b *body) texts(flag, path, usage string) {
	v := b.flags.StringArray(flag, nil, usage+"; may be given several times")
	b.add(flag, path, func() (any, error) { return *v, nil })
}

// pairs takes k=v several times.
func (b *body) pairs(flag, path, usage string) {
	v := b.flags.StringArray(flag, nil, usage+" as `k=v`; may be given several times")
	b.add(flag, path, func() (any, error) {
		m := map[string]string{}
		for _, pair := range *v {
			name, value, ok := strings.Cut(pair, "=")
			if !ok || name == "" {
				return nil, errs.Newf(errs.InvalidArgument, "--%s %q is not of the form k=v", flag, pair)
			}
			m[name] = value
		}
		return m, nil
	})
}

const maxSecret = 64 << 10 // bytes

// secret takes the name of a file, or "-" for stdin, and sends what is in it without the last line end.
func (b *body) secret(flag, path, usage string, stdin func() io.Reader) {
	v := b.flags.String(flag, "", usage+" in this `file`; - is stdin")
	b.add(flag, path, func() (any, error) {
		in := stdin()
		if *v != "-" {
			f, err := os.Open(*v)
			if err != nil {
				return nil, errs.Newf(errs.InvalidArgument, "--%s: %v", flag, err)
			}
			defer f.Close()
			in = f
		}
		text, err := io.ReadAll(io.LimitReader(in, maxSecret+1))
		if err != nil {
			return nil, errs.Newf(errs.InvalidArgument, "--%s: %v", flag, err)
		}
		secret := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
		if secret == "" || len(text) > maxSecret {
			return nil, errs.Newf(errs.InvalidArgument, "--%s: the secret must have 1 to %d bytes", flag, maxSecret)
		}
		return secret, nil
	})
}

// object makes the body of the flags that were given.
func (b *body) object() (map[string]any, error) {
	out := map[string]any{}
	for _, f := range b.fields {
		if !b.flags.Changed(f.flag) {
			continue
		}
		v, err := f.value()
		if err != nil {
			return nil, err
		}
		put(out, f.path, v)
	}
	return out, nil
}

// change is object for a resource that exists: nothing to change is an error.
func (b *body) change() (map[string]any, error) {
	out, err := b.object()
	if err == nil && len(out) == 0 {
		err = errs.Newf(errs.InvalidArgument, "nothing to change: give at least one flag")
	}
	return out, err
}

func put(m map[string]any, path string, v any) {
	first, rest, nested := strings.Cut(path, ".")
	if !nested {
		m[first] = v
		return
	}
	inner, ok := m[first].(map[string]any)
	if !ok {
		inner = map[string]any{}
		m[first] = inner
	}
	put(inner, rest, v)
}
