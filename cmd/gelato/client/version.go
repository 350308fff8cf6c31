package client

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func versionCommand(s *settings) *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version of this binary", SilenceUsage: true, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		if err := s.checkOutput(); err != nil {
			return err
		}
		v := struct {
			Version string `json:"version"`
			Commit  string `json:"commit"`
			Go      string `json:"go"`
		}{"unknown", "unknown", runtime.Version()}
		if info, ok := debug.ReadBuildInfo(); ok {
			if info.Main.Version != "" {
				v.Version = info.Main.Version
			}
			for _, set := range info.Settings {
				if set.Key == "vcs.revision" {
					v.Commit = set.Value
				}
			}
		}
		if s.json() {
			text, err := json.Marshal(v)
			if err != nil {
				return err
			}
			return writeJSON(cmd.OutOrStdout(), text)
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "gelato %s (commit %s, %s)\n", v.Version, v.Commit, v.Go)
		return err
	}}
}
