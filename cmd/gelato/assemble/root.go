package assemble

import (
	"bufio"
	"io"
	"os"
	"strings"

	"github.com/opensds/gelato/internal/errs"
)

// The names of the root credentials in the environment and in files.
const (
	RootAccessKey = "GELATO_ROOT_ACCESS_KEY"
	RootSecretKey = "GELATO_ROOT_SECRET_KEY"
)

const maxCredentials = 4 << 10

// RootCredentials returns those of the environment, or else those of a file, which may be "".
func RootCredentials(file string, lookupEnv func(string) (string, bool)) (access, secret string, err error) {
	access, _ = lookupEnv(RootAccessKey)
	secret, _ = lookupEnv(RootSecretKey)
	switch {
	case access != "" && secret != "":
		return access, secret, nil
	case access != "" || secret != "":
		return "", "", errs.Newf(errs.InvalidArgument, "%s and %s go together", RootAccessKey, RootSecretKey)
	case file == "":
		return "", "", errs.Newf(errs.InvalidArgument, "no root credentials: set %s and %s, or --root-credentials-file", RootAccessKey, RootSecretKey)
	}
	f, err := os.Open(file)
	if err != nil {
		return "", "", errs.New(errs.InvalidArgument, "the root credentials file cannot be read", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxCredentials))
	if err != nil {
		return "", "", errs.New(errs.InvalidArgument, "the root credentials file cannot be read", err)
	}
	return ParseCredentials(file, string(text))
}

// ParseCredentials reads NAME=VALUE lines with both names; file names them in errors.
func ParseCredentials(file, text string) (access, secret string, err error) {
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		name, value, _ := strings.Cut(strings.TrimSpace(lines.Text()), "=")
		switch name {
		case RootAccessKey:
			access = value
		case RootSecretKey:
			secret = value
		}
	}
	if access == "" || secret == "" {
		return "", "", errs.Newf(errs.FailedPrecondition, "%s must have the lines %s=... and %s=...", file, RootAccessKey, RootSecretKey)
	}
	return access, secret, nil
}
