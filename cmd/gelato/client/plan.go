package client

import (
	"time"

	"github.com/spf13/cobra"
)

func planCommand(s *settings) *cobra.Command {
	return group("plan", "What is to be moved, from where to where",
		planCreate(s), planList(s), showCommand(s, "plans", "NAME", "Show a plan"), planUpdate(s),
		removeCommand(s, "plans", "NAME", "Remove a plan"), planRun(s))
}

func planFlags(cmd *cobra.Command) *body {
	b := &body{flags: cmd.Flags()}
	b.text("description", "description", "what it is for")
	b.text("mode", "mode", "copy, move or relocate")
	b.text("source-bucket", "source.bucket", "bucket to read from")
	b.text("source-backend", "source.backend", "backend to read from; with --source-bucket, a relocate of what lies there only")
	b.text("source-prefix", "source.prefix", "only keys that begin with it")
	b.text("destination-bucket", "destination.bucket", "bucket to write to")
	b.text("destination-backend", "destination.backend", "backend to write to")
	b.text("destination-prefix", "destination.prefix", "put before the keys")
	b.text("prefix", "filter.prefix", "filter: keys that begin with it")
	b.texts("include", "filter.include", "filter: keys that match this glob")
	b.texts("exclude", "filter.exclude", "filter: not the keys that match this glob")
	b.number("min-size", "filter.minSize", "filter: at least so many bytes")
	b.number("max-size", "filter.maxSize", "filter: at most so many bytes")
	b.text("older-than", "filter.olderThan", "filter: a time (RFC 3339) or an age such as 7d")
	b.text("newer-than", "filter.newerThan", "filter: a time (RFC 3339) or an age such as 24h")
	b.text("policy", "policyId", "the policy whose schedule it follows; it runs by it with --policy-enabled")
	b.truth("policy-enabled", "policyEnabled", "follow the policy")
	b.text("overwrite", "options.overwrite", "never, ifDifferent, ifNewer or always")
	b.text("verify", "options.verify", "checksum or full")
	b.truth("switch-placement", "options.switchPlacement", "relocate: new objects of the bucket go to the destination too")
	b.truth("release-source", "options.releaseSource", "relocate: delete adopted originals after the grace time")
	b.number("concurrency", "options.concurrency", "objects at once per datamover")
	return b
}

func planCreate(s *settings) *cobra.Command {
	var b *body
	cmd := command(s, "create NAME --mode MODE --source-... --destination-...", "Create a plan", cobra.ExactArgs(1), func(cmd *cobra.Command, r *rest, args []string) error {
		in, err := b.object()
		if err != nil {
			return err
		}
		in["name"] = args[0]
		return send(cmd, s, r, "POST", []string{"plans"}, nil, in)
	})
	b = planFlags(cmd)
	_ = cmd.MarkFlagRequired("mode") // the flag is there
	return cmd
}

func planUpdate(s *settings) *cobra.Command {
	var b *body
	cmd := command(s, "update NAME", "Change a plan; what is not given stays", cobra.ExactArgs(1), func(cmd *cobra.Command, r *rest, args []string) error {
		in, err := b.change()
		if err != nil {
			return err
		}
		return send(cmd, s, r, "PUT", []string{"plans", args[0]}, nil, in)
	})
	b = planFlags(cmd)
	b.text("name", "name", "a new name")
	return cmd
}

func planList(s *settings) *cobra.Command {
	return command(s, "ls", "List plans", cobra.NoArgs, func(cmd *cobra.Command, r *rest, _ []string) error {
		type place struct{ Bucket, Backend, Prefix string }
		type plan struct {
			Name, Mode, PolicyID     string
			Source, Destination      place
			NextRunTime, LastRunTime *time.Time
		}
		text := func(p place) string {
			out := ""
			if p.Bucket != "" {
				out = "bucket " + p.Bucket
			}
			if p.Backend != "" {
				if out != "" {
					out += " on "
				}
				out += "backend " + p.Backend
			}
			if p.Prefix != "" {
				out += ", prefix " + p.Prefix
			}
			return out
		}
		return listed(cmd, s, r, "plans", nil, 0, "NAME MODE FROM TO LAST-RUN NEXT-RUN", func(p plan) []string {
			return []string{p.Name, p.Mode, text(p.Source), text(p.Destination), timeText(p.LastRunTime), timeText(p.NextRunTime)}
		})
	})
}

func planRun(s *settings) *cobra.Command {
	var watch *bool
	cmd := command(s, "run NAME", "Start a job of a plan now and print its id", cobra.ExactArgs(1), func(cmd *cobra.Command, r *rest, args []string) error {
		return start(cmd, s, r, []string{"plans", args[0], "run"}, nil, *watch)
	})
	watch = watchFlag(cmd)
	return cmd
}
