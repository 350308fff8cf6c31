package client

import (
	"github.com/spf13/cobra"

	"github.com/opensds/gelato/internal/errs"
)

func policyCommand(s *settings) *cobra.Command {
	return group("policy", "Schedules that plans follow",
		policyCreate(s), policyList(s), showCommand(s, "policies", "NAME", "Show a policy"), policyUpdate(s),
		removeCommand(s, "policies", "NAME", "Remove a policy that no plan uses"))
}

func policyFlags(cmd *cobra.Command) *body {
	b := &body{flags: cmd.Flags()}
	b.text("description", "description", "what it is for")
	b.text("cron", "schedule.cron", "when: minute hour day month weekday")
	b.text("timezone", "schedule.timezone", "IANA time zone of --cron (default UTC)")
	b.text("every", "schedule.every", "how often, instead of --cron: 90s, 24h, 7d")
	cmd.MarkFlagsMutuallyExclusive("cron", "every")
	cmd.MarkFlagsMutuallyExclusive("timezone", "every")
	return b
}

// typed adds the type that the schedule's flags stand for.
func typed(cmd *cobra.Command, in map[string]any) map[string]any {
	switch {
	case cmd.Flags().Changed("cron"):
		put(in, "schedule.type", "cron")
	case cmd.Flags().Changed("every"):
		put(in, "schedule.type", "interval")
	}
	return in
}

func policyCreate(s *settings) *cobra.Command {
	var b *body
	cmd := command(s, "create NAME (--cron EXPR | --every DURATION)", "Create a policy", cobra.ExactArgs(1), func(cmd *cobra.Command, r *rest, args []string) error {
		in, err := b.object()
		if err != nil {
			return err
		}
		if typed(cmd, in); in["schedule"] == nil {
			return errs.Newf(errs.InvalidArgument, "a policy needs --cron or --every")
		}
		in["name"] = args[0]
		return send(cmd, s, r, "POST", []string{"policies"}, nil, in)
	})
	b = policyFlags(cmd)
	return cmd
}

func policyUpdate(s *settings) *cobra.Command {
	var b *body
	cmd := command(s, "update NAME", "Change a policy; what is not given stays", cobra.ExactArgs(1), func(cmd *cobra.Command, r *rest, args []string) error {
		in, err := b.change()
		if err != nil {
			return err
		}
		return send(cmd, s, r, "PUT", []string{"policies", args[0]}, nil, typed(cmd, in))
	})
	b = policyFlags(cmd)
	b.text("name", "name", "a new name")
	return cmd
}

func policyList(s *settings) *cobra.Command {
	return command(s, "ls", "List policies", cobra.NoArgs, func(cmd *cobra.Command, r *rest, _ []string) error {
		type policy struct {
			Name, Description string
			Schedule          struct{ Cron, Timezone, Every string }
		}
		return listed(cmd, s, r, "policies", nil, 0, "NAME SCHEDULE TIMEZONE DESCRIPTION", func(p policy) []string {
			schedule := p.Schedule.Cron
			if p.Schedule.Every != "" {
				schedule = "every " + p.Schedule.Every
			}
			return []string{p.Name, schedule, p.Schedule.Timezone, p.Description}
		})
	})
}
