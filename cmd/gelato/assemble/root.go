package assemble

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/secretfile"
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
	return ReadCredentials(file)
}

// NewCredentials makes the content of such a file, with fresh root credentials.
func NewCredentials() []byte {
	return fmt.Appendf(nil, "%s=GR%s\n%s=%s\n", RootAccessKey, rand.Text()[:18], RootSecretKey, rand.Text()+rand.Text())
}

// ReadCredentials reads a file of NAME=VALUE lines with both names, which must be as secretfile wants it.
func ReadCredentials(file string) (access, secret string, err error) {
	text, err := secretfile.Read(file, "root credentials", maxCredentials)
	if err != nil {
		return "", "", err
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
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
