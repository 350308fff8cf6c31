package serve

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/spf13/pflag"

	"github.com/opensds/gelato/cmd/gelato/assemble"
	"github.com/opensds/gelato/internal/config"
)

// TestSamples loads each file of deploy/config as its service would: every key of it exists, every key that exists is in it, it is valid, and
// where there is a default, the sample says it.
func TestSamples(t *testing.T) {
	t.Parallel()
	// What a service cannot guess.
	required := []string{"state", "queue", "master-key-file", "tls-ca", "tls-cert", "tls-key", "root-credentials-file"}
	files, err := filepath.Glob("../../../deploy/config/*.yaml")
	if err != nil || len(files) != len(assemble.Names()) {
		t.Errorf("got %d samples, want one for each of %v: %v", len(files), assemble.Names(), err)
	}
	for _, name := range assemble.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &settings{name: name}
			f := pflag.NewFlagSet(name, pflag.ContinueOnError)
			s.flags(f)
			if err := f.Set(config.FileFlag, filepath.Join("..", "..", "..", "deploy", "config", name+".yaml")); err != nil {
				t.Fatal(err)
			}
			if err := config.Fill(f, func(string) (string, bool) { return "", false }); err != nil {
				t.Fatal(err)
			}
			if err := s.validate(); err != nil {
				t.Error(err)
			}
			f.VisitAll(func(f *pflag.Flag) {
				switch {
				case !f.Changed:
					t.Errorf("the sample lacks %s", f.Name)
				case !slices.Contains(required, f.Name) && f.Name != config.FileFlag && f.Value.String() != f.DefValue:
					t.Errorf("%s: the sample says %s, the default is %s", f.Name, f.Value, f.DefValue)
				case f.Usage == "":
					t.Errorf("%s has no help text", f.Name)
				}
			})
		})
	}
}
