package client

import (
	"time"

	"github.com/spf13/cobra"
)

func keyCommand(s *settings) *cobra.Command {
	return group("key", "Access keys of users, for S3 and REST",
		keyCreate(s), keyList(s), keyStatus(s, "enable", "enabled", "Let a key be used again"), keyStatus(s, "disable", "disabled", "Refuse a key from now on"),
		removeCommand(s, "keys", "ACCESS-KEY", "Remove a key"))
}

func keyCreate(s *settings) *cobra.Command {
	var newUser *bool
	cmd := command(s, "create USER", "Create a key; its secret is shown this once", cobra.ExactArgs(1), func(cmd *cobra.Command, r *rest, args []string) error {
		if *newUser {
			if _, err := r.call(cmd.Context(), "POST", []string{"users"}, nil, map[string]string{"name": args[0]}); err != nil {
				return err
			}
		}
		return send(cmd, s, r, "POST", []string{"keys"}, nil, map[string]string{"user": args[0]})
	})
	newUser = cmd.Flags().Bool("new-user", false, "create the user first")
	return cmd
}

func keyList(s *settings) *cobra.Command {
	return command(s, "ls", "List keys", cobra.NoArgs, func(cmd *cobra.Command, r *rest, _ []string) error {
		type key struct {
			AccessKey, User, Status string
			CreateTime              *time.Time
		}
		return listed(cmd, s, r, "keys", nil, 0, "ACCESS-KEY USER STATUS CREATED", func(k key) []string {
			return []string{k.AccessKey, k.User, k.Status, timeText(k.CreateTime)}
		})
	})
}

func keyStatus(s *settings, name, status, short string) *cobra.Command {
	return command(s, name+" ACCESS-KEY", short, cobra.ExactArgs(1), func(cmd *cobra.Command, r *rest, args []string) error {
		return send(cmd, s, r, "PUT", []string{"keys", args[0]}, nil, map[string]string{"status": status})
	})
}
