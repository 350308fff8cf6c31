package client

import (
	"time"

	"github.com/spf13/cobra"
)

func bucketCommand(s *settings) *cobra.Command {
	return group("bucket", "Buckets: where they lie, what they hold (S3 creates and removes them)",
		bucketList(s), showCommand(s, "buckets", "BUCKET", "Show a bucket"), bucketPlace(s), bucketImport(s))
}

func bucketList(s *settings) *cobra.Command {
	return command(s, "ls", "List buckets", cobra.NoArgs, func(cmd *cobra.Command, r *rest, _ []string) error {
		type bucket struct {
			Name, Owner string
			CreateTime  *time.Time
			Placement   struct{ Default string }
			Usage       []struct{ Objects, Bytes int64 }
		}
		return listed(cmd, s, r, "buckets", nil, 0, "NAME OWNER PLACEMENT OBJECTS SIZE CREATED", func(b bucket) []string {
			var objects, size int64
			for _, u := range b.Usage {
				objects += u.Objects
				size += u.Bytes
			}
			return []string{b.Name, b.Owner, b.Placement.Default, countText(objects), bytesText(size), timeText(b.CreateTime)}
		})
	})
}

func bucketPlace(s *settings) *cobra.Command {
	var b *body
	cmd := command(s, "place BUCKET --backend NAME", "Say where new objects of a bucket go; what is there stays", cobra.ExactArgs(1), func(cmd *cobra.Command, r *rest, args []string) error {
		in, err := b.object()
		if err != nil {
			return err
		}
		return send(cmd, s, r, "PUT", []string{"buckets", args[0], "placement"}, nil, in)
	})
	b = &body{flags: cmd.Flags()}
	b.text("backend", "default", "the backend for new objects")
	_ = cmd.MarkFlagRequired("backend") // the flag is there
	return cmd
}

func bucketImport(s *settings) *cobra.Command {
	var b *body
	var watch *bool
	cmd := command(s, "import BUCKET --backend NAME", "Adopt the native objects of a backend without copying them", cobra.ExactArgs(1), func(cmd *cobra.Command, r *rest, args []string) error {
		in, err := b.object()
		if err != nil {
			return err
		}
		return start(cmd, s, r, []string{"buckets", args[0], "import"}, in, *watch)
	})
	b = &body{flags: cmd.Flags()}
	b.text("backend", "backend", "the backend that holds them")
	b.text("prefix", "prefix", "only keys that begin with it")
	watch = watchFlag(cmd)
	_ = cmd.MarkFlagRequired("backend") // the flag is there
	return cmd
}
