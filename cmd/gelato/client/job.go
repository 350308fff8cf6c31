package client

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// job is what the commands need of a job.
type job struct {
	ID, PlanName, Mode, Status, Error                  string
	TotalCount, PassedCount, SkippedCount, FailedCount int64
	TotalCapacity, PassedCapacity                      int64
	Progress, Rate                                     float64
	ETASeconds                                         *int64
	TotalsFinal                                        bool
	CreateTime, StartTime, EndTime                     *time.Time
}

func (j job) over() bool {
	return j.Status == "succeeded" || j.Status == "failed" || j.Status == "cancelled"
}

func (j job) done() int64 { return j.PassedCount + j.SkippedCount + j.FailedCount }

func jobCommand(s *settings) *cobra.Command {
	return group("job", "Runs of plans",
		jobList(s), showCommand(s, "jobs", "ID", "Show a job"), jobWatch(s), jobCancel(s),
		jobReport(s, "report", "Print what became of each object"), jobReport(s, "failures", "Print the objects that failed, with the reason"))
}

func jobList(s *settings) *cobra.Command {
	var plan, status *string
	var limit *int
	cmd := command(s, "ls", "List jobs, the newest first", cobra.NoArgs, func(cmd *cobra.Command, r *rest, _ []string) error {
		query := url.Values{}
		if *plan != "" {
			query.Set("plan", *plan)
		}
		if *status != "" {
			query.Set("status", *status)
		}
		if *limit > 0 {
			query.Set("limit", strconv.Itoa(min(*limit, 1000)))
		}
		return listed(cmd, s, r, "jobs", query, *limit, "ID PLAN MODE STATUS PROGRESS OBJECTS FAILED SIZE STARTED ENDED", func(j job) []string {
			return []string{j.ID, j.PlanName, j.Mode, j.Status, fmt.Sprintf("%.1f%%", j.Progress), countText(j.TotalCount), countText(j.FailedCount),
				bytesText(j.TotalCapacity), timeText(j.StartTime), timeText(j.EndTime)}
		})
	})
	plan = cmd.Flags().String("plan", "", "only jobs of this plan")
	status = cmd.Flags().String("status", "", "only jobs with this status; several by comma")
	limit = cmd.Flags().Int("limit", 50, "at most so many; 0 is all")
	return cmd
}

func jobCancel(s *settings) *cobra.Command {
	return command(s, "cancel ID", "Cancel a job; what was copied stays", cobra.ExactArgs(1), func(cmd *cobra.Command, r *rest, args []string) error {
		return send(cmd, s, r, "POST", []string{"jobs", args[0], "cancel"}, nil, nil)
	})
}

// jobReport prints a report as it comes: JSON lines, or a line of text for each object.
func jobReport(s *settings, name, short string) *cobra.Command {
	return command(s, name+" ID", short, cobra.ExactArgs(1), func(cmd *cobra.Command, r *rest, args []string) error {
		out := cmd.OutOrStdout()
		return r.lines(cmd.Context(), []string{"jobs", args[0], name}, func(line []byte) error {
			if s.json() {
				_, err := fmt.Fprintf(out, "%s\n", line)
				return err
			}
			var o struct {
				Key, Outcome, Reason, Proof string
				Bytes                       int64
			}
			if err := json.Unmarshal(line, &o); err != nil {
				return fmt.Errorf("read report: %w", err)
			}
			why := strings.TrimSpace(o.Proof + " " + o.Reason)
			_, err := fmt.Fprintf(out, "%-8s %14s  %s  %s\n", oneLine(o.Outcome), countText(o.Bytes), keyText(o.Key), oneLine(why))
			return err
		})
	})
}

// keyText writes a key as it is, or quoted when a terminal would not show it so.
func keyText(key string) string {
	if key == oneLine(key) && !strings.ContainsRune(key, ' ') {
		return key
	}
	return strconv.Quote(key)
}

// start does a POST that begins a job, and prints the job's id or watches it.
func start(cmd *cobra.Command, s *settings, r *rest, path []string, in any, watch bool) error {
	answer, err := r.call(cmd.Context(), "POST", path, nil, in)
	if err != nil {
		return err
	}
	var begun struct{ JobID string }
	if err := json.Unmarshal(answer, &begun); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if watch {
		return watchJob(cmd, s, r, begun.JobID, time.Second)
	}
	if s.json() {
		return writeJSON(cmd.OutOrStdout(), answer)
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), oneLine(begun.JobID))
	return err
}
