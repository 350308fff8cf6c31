package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/trouble"
)

// patience is how long a watch goes on while Gelato does not answer: a restart takes less.
const patience = 2 * time.Minute

func watchFlag(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("watch", false, "watch the job until it is over")
}

func jobWatch(s *settings) *cobra.Command {
	var interval *time.Duration
	cmd := command(s, "watch ID", "Watch a job until it is over; exits 0 when it succeeded, else 1", cobra.ExactArgs(1), func(cmd *cobra.Command, r *rest, args []string) error {
		if *interval <= 0 {
			return errs.Newf(errs.InvalidArgument, "--interval must be positive")
		}
		return watchJob(cmd, s, r, args[0], *interval)
	})
	interval = cmd.Flags().Duration("interval", time.Second, "how often to look")
	return cmd
}

// watchJob shows a job until it is over: a bar on a terminal, else a line whenever something changed, with -o json the job as it ended. A job
// that did not succeed is an error.
func watchJob(cmd *cobra.Command, s *settings, r *rest, id string, interval time.Duration) error {
	out := cmd.OutOrStdout()
	show := &display{out: out, bar: isTerminal(out), silent: s.json()}
	for {
		j, answer, err := lookAt(cmd.Context(), r, id, interval)
		if err != nil {
			show.end()
			return err
		}
		show.job(j)
		if j.over() {
			show.end()
			if s.json() {
				if err := writeJSON(out, answer); err != nil {
					return err
				}
			}
			return verdict(j)
		}
		if !trouble.Sleep(cmd.Context(), interval) {
			show.end()
			return fmt.Errorf("no longer watching job %s, which goes on: %w", id, cmd.Context().Err())
		}
	}
}

// lookAt reads the job, again for a while when Gelato does not answer.
func lookAt(ctx context.Context, r *rest, id string, interval time.Duration) (job, json.RawMessage, error) {
	var j job
	for since := time.Now(); ; {
		answer, err := r.call(ctx, "GET", []string{"jobs", id}, nil, nil)
		if err == nil {
			if err := json.Unmarshal(answer, &j); err != nil {
				return j, nil, fmt.Errorf("read job: %w", err)
			}
			return j, answer, nil
		}
		if !errs.Is(err, errs.Unavailable) || time.Since(since) > patience {
			return j, nil, err
		}
		if !trouble.Sleep(ctx, interval) {
			return j, nil, ctx.Err()
		}
	}
}

// verdict is nil for a job that succeeded.
func verdict(j job) error {
	if j.Status == "succeeded" {
		return nil
	}
	text := fmt.Sprintf("job %s %s", j.ID, j.Status)
	switch {
	case j.Error != "":
		text += ": " + j.Error
	case j.FailedCount > 0:
		text += fmt.Sprintf(": %s of %s objects failed, see gelato job failures %s", countText(j.FailedCount), countText(j.TotalCount), j.ID)
	}
	return errs.Newf(errs.FailedPrecondition, "%s", oneLine(text))
}

// display shows a job as it goes on.
type display struct {
	out         io.Writer
	bar, silent bool
	last        string
	width       int // of the bar's line on the screen
}

func (d *display) job(j job) {
	if d.silent {
		return
	}
	line := statusLine(j)
	if !d.bar {
		if line != d.last {
			fmt.Fprintln(d.out, line)
		}
		d.last = line
		return
	}
	line = drawBar(j.Progress) + " " + line
	width := len([]rune(line))
	fmt.Fprintf(d.out, "\r%s%s", line, strings.Repeat(" ", max(0, d.width-width)))
	d.width = width
}

// end leaves the bar's line.
func (d *display) end() {
	if d.width > 0 {
		fmt.Fprintln(d.out)
	}
	d.width = 0
}

func drawBar(percent float64) string {
	const width = 20
	full := int(min(100, max(0, percent)) / 100 * width)
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", width-full) + "]"
}

// statusLine fits beside the bar into 100 columns: "running  42.1%  4,210/10,000 objects  1.2 GiB/2.8 GiB  85.3 MiB/s  ETA 18s".
func statusLine(j job) string {
	more := ""
	if !j.TotalsFinal && !j.over() {
		more = "+" // still counting
	}
	parts := []string{oneLine(j.Status), fmt.Sprintf("%5.1f%%", j.Progress),
		fmt.Sprintf("%s/%s%s objects", countText(j.done()), countText(j.TotalCount), more),
		fmt.Sprintf("%s/%s%s", bytesText(j.PassedCapacity), bytesText(j.TotalCapacity), more)}
	if j.FailedCount > 0 {
		parts = append(parts, countText(j.FailedCount)+" failed")
	}
	switch {
	case j.over():
		if j.StartTime != nil && j.EndTime != nil {
			parts = append(parts, "took "+j.EndTime.Sub(*j.StartTime).Round(100*time.Millisecond).String())
		}
	case j.Status == "running":
		parts = append(parts, bytesText(int64(j.Rate))+"/s")
		if j.ETASeconds != nil {
			parts = append(parts, "ETA "+(time.Duration(*j.ETASeconds)*time.Second).String())
		}
	}
	return strings.Join(parts, "  ")
}

func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}
