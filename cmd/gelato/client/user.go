package client

import (
	"time"

	"github.com/spf13/cobra"
)

func userCommand(s *settings) *cobra.Command {
	return group("user", "Users of S3, who own buckets and objects",
		userCreate(s), userList(s), showCommand(s, "users", "NAME", "Show a user"), userUpdate(s),
		removeCommand(s, "users", "NAME", "Remove a user that has no keys"))
}

func userFlags(cmd *cobra.Command) *body {
	b := &body{flags: cmd.Flags()}
	b.text("display-name", "displayName", "what S3 shows beside the canonical id (default the name)")
	b.text("email", "email", "address by which grants may name the user")
	return b
}

func userCreate(s *settings) *cobra.Command {
	var b *body
	cmd := command(s, "create NAME", "Create a user", cobra.ExactArgs(1), func(cmd *cobra.Command, r *rest, args []string) error {
		in, err := b.object()
		if err != nil {
			return err
		}
		in["name"] = args[0]
		return send(cmd, s, r, "POST", []string{"users"}, nil, in)
	})
	b = userFlags(cmd)
	return cmd
}

func userUpdate(s *settings) *cobra.Command {
	var b *body
	cmd := command(s, "update NAME", "Change a user; what is not given stays", cobra.ExactArgs(1), func(cmd *cobra.Command, r *rest, args []string) error {
		in, err := b.change()
		if err != nil {
			return err
		}
		return send(cmd, s, r, "PUT", []string{"users", args[0]}, nil, in)
	})
	b = userFlags(cmd)
	return cmd
}

func userList(s *settings) *cobra.Command {
	return command(s, "ls", "List users", cobra.NoArgs, func(cmd *cobra.Command, r *rest, _ []string) error {
		type user struct {
			Name, DisplayName, Email, CanonicalID string
			CreateTime                            *time.Time
		}
		return listed(cmd, s, r, "users", nil, 0, "NAME DISPLAY-NAME EMAIL CREATED CANONICAL-ID", func(u user) []string {
			return []string{u.Name, u.DisplayName, u.Email, timeText(u.CreateTime), u.CanonicalID}
		})
	})
}
