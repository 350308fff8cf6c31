package adapters

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/opensds/gelato/internal/errs"
)

// Descriptor says what a type of store is and how to open one. An implementation exports one by a function,
// all/ collects them.
type Descriptor struct {
	Description string
	// Missing says what this build lacks for the type and how to get it; "" when it is there. Such a type is listed, and refused with Unimplemented.
	Missing string
	Fields  []Field // the fields of Config that this type reads, beside those of CommonFields; any other one must be empty
	// Capabilities are those of a store with the default options; an open Store's own answer counts.
	Capabilities Capabilities
	// Host names the service within which a bucketName is one place, in one form for all spellings of it: no two backends may share a place, whatever their
	// types. "" means the endpoint's host as EndpointHost gives it, or the type where there is no endpoint; a nil Host always says so.
	Host func(Config) string
	// Validate checks what the fields' descriptions cannot say, without asking the store. Its errors are InvalidArgument
	// with the field's name as the reason. nil means that there is nothing more to check.
	Validate func(Config) error
	// Open connects. It need not prove that the store answers.
	Open func(context.Context, Config, Deps) (Store, error)
}

// Field describes one field of Config by its name in REST ("bucketName", "security"); an option is "options.<name>".
type Field struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Required    bool   `json:"required"`
	Secret      bool   `json:"secret"`
	Default     string `json:"default,omitempty"`
	// Choices are the accepted values, when they are a closed list; empty values mean the default and are always accepted.
	Choices []string `json:"choices,omitempty"`
}

// CommonFields are those that every type has. Stores do not look at options.readOnly: the services keep from writing.
func CommonFields() []Field {
	return []Field{{Name: "options.readOnly", Description: "true for a place that is only listed and read", Default: "false", Choices: []string{"false", "true"}}}
}

// ReadOnly says whether nothing may be written to the place.
func (c Config) ReadOnly() bool { return c.Options["readOnly"] == "true" }

// Deps are what stores get from the process around them. The zero Deps works.
type Deps struct {
	Log *slog.Logger // nil logs nothing
}

// Logger returns d.Log, or a logger that drops everything.
func (d Deps) Logger() *slog.Logger {
	if d.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return d.Log
}

// Registry holds the types of stores that a process knows.
type Registry map[Type]Descriptor

// Types lists the types in alphabetical order.
func (r Registry) Types() []Type { return slices.Sorted(maps.Keys(r)) }

// Validate checks a Config offline. Its errors are InvalidArgument with the name of the first bad field as the reason, or Unimplemented for a type
// that this build lacks.
func (r Registry) Validate(c Config) error {
	d, ok := r[c.Type]
	if !ok {
		return errs.Newf(errs.InvalidArgument, "unknown backend type %q", c.Type).Because("type")
	}
	if d.Missing != "" {
		return errs.Newf(errs.Unimplemented, "type %s is not in this build: %s", c.Type, d.Missing).Because("type")
	}
	if err := d.checkFields(c); err != nil {
		return err
	}
	if d.Validate == nil {
		return nil
	}
	return d.Validate(c)
}

// Open validates a Config and opens the store that it describes.
func (r Registry) Open(ctx context.Context, c Config, deps Deps) (Store, error) {
	if err := r.Validate(c); err != nil {
		return nil, err
	}
	return r[c.Type].Open(ctx, c, deps)
}

// checkFields checks required and unknown fields, and the prefix, which all types share.
func (d Descriptor) checkFields(c Config) error {
	given := map[string]string{"region": c.Region, "endpoint": c.Endpoint, "bucketName": c.BucketName, "prefix": c.Prefix, "access": c.Access, "security": c.Security}
	for name, value := range c.Options {
		given["options."+name] = value
	}
	known := map[string]bool{}
	for _, f := range slices.Concat(d.Fields, CommonFields()) {
		known[f.Name] = true
		if f.Required && given[f.Name] == "" {
			return errs.Newf(errs.InvalidArgument, "%s is required", f.Name).Because(f.Name)
		}
		if v := given[f.Name]; v != "" && len(f.Choices) > 0 && !slices.Contains(f.Choices, v) {
			return errs.Newf(errs.InvalidArgument, "%s must be one of %s", f.Name, strings.Join(f.Choices, ", ")).Because(f.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if given[name] != "" && !known[name] {
			return errs.Newf(errs.InvalidArgument, "type %s has no field %s", c.Type, name).Because(name)
		}
	}
	if len(c.Prefix) > 512 || !utf8.ValidString(c.Prefix) || strings.ContainsRune(c.Prefix, 0) {
		return errs.New(errs.InvalidArgument, "prefix must be UTF-8 without NUL, at most 512 bytes", nil).Because("prefix")
	}
	return nil
}

// HostOf names the service of a Config's place; see Descriptor.Host.
func (r Registry) HostOf(c Config) string {
	if host := r[c.Type].Host; host != nil {
		if name := host(c); name != "" {
			return name
		}
	}
	if c.Endpoint == "" {
		return string(c.Type)
	}
	return EndpointHost(c.Endpoint)
}

// EndpointHost is the host of an endpoint, with its port unless that is the default one of HTTP or HTTPS, in lower case.
func EndpointHost(endpoint string) string {
	host := endpoint
	if u, err := url.Parse(endpoint); err == nil && u.Host != "" {
		host = u.Host
	}
	host = strings.ToLower(strings.TrimSuffix(host, "/"))
	if h, port, err := net.SplitHostPort(host); err == nil && (port == "80" || port == "443") {
		host = h
	}
	return strings.TrimSuffix(host, ".")
}

// CheckKey returns InvalidArgument unless key is what the package comment allows and has at most maxBytes bytes.
func CheckKey(key string, maxBytes int) error {
	switch {
	case key == "":
		return errs.New(errs.InvalidArgument, "the key is empty", nil).Because("KeyEmpty")
	case len(key) > maxBytes:
		return errs.Newf(errs.InvalidArgument, "the key has %d bytes, %d are allowed", len(key), maxBytes).Because("KeyTooLong")
	case !utf8.ValidString(key):
		return errs.New(errs.InvalidArgument, "the key is not valid UTF-8", nil).Because("KeyInvalid")
	case strings.IndexByte(key, 0) >= 0:
		return errs.New(errs.InvalidArgument, "the key has a NUL byte", nil).Because("KeyInvalid")
	}
	return nil
}
