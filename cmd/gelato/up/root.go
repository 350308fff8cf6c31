package up

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/opensds/gelato/cmd/gelato/assemble"
)

const credentialsFile = "root-credentials"

// rootCredentials returns those of the environment, or those kept in the data directory, or fresh ones, which it keeps there and shows once.
func rootCredentials(s settings, out io.Writer) (access, secret string, err error) {
	if s.rootAccess != "" {
		return s.rootAccess, s.rootSecret, nil
	}
	path := filepath.Join(s.data, credentialsFile)
	if access, secret, err = assemble.ReadCredentials(path); !errors.Is(err, fs.ErrNotExist) {
		return access, secret, err
	}
	text := assemble.NewCredentials()
	tmp := path + ".new" // a start that is killed here leaves no half file under the real name
	if err := os.WriteFile(tmp, text, 0o600); err != nil {
		return "", "", fmt.Errorf("keep root credentials: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return "", "", fmt.Errorf("keep root credentials: %w", err)
	}
	fmt.Fprintf(out, "root credentials, kept in %s:\n%s", path, text)
	return assemble.ReadCredentials(path)
}
