package main

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"tradecredit/node"
)

func newFsck() *cobra.Command {
	c := &cobra.Command{
		Use:   "fsck",
		Short: "Examine the data of a stopped node",
		Long: "fsck derives everything again from raw rows, and compares it with what was committed: the tree and references with the app hash, the logs with their heads, the " +
			"sums with the logs, what must hold of records, blocks with each other and with the state's log of their hashes, the lists with the state, kept snapshots with " +
			"their manifests. It reads everything, needs memory for all entries of logs, and changes nothing.\n\n" +
			"Exit status 0: nothing was found. 7: damage was found; keep the data folder for examination, and begin again from a snapshot of other members ('ledgerd join') " +
			"or a backup. 1: it could not be examined.\n\n" +
			"A running node compares a part of its state at a time (state.scrub_pause) and says in /v1/health and its metrics what it found.",
		Example: "  ledgerd fsck\n  ledgerd fsck --home ./node-a",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(c)
			if err != nil {
				return err
			}
			show := &fsckOutput{out: c.OutOrStdout(), shown: time.Now()}
			_, err = node.Fsck(cfg, node.NewLogger(c.ErrOrStderr(), cfg.Log), show.finding, show.progress)
			if err == nil {
				_, err = fmt.Fprintln(c.OutOrStdout(), "Nothing is damaged.")
			}
			return errors.Join(err, show.err)
		},
	}
	return c
}

// fsckOutput prints findings as they come.
type fsckOutput struct {
	out   io.Writer
	mu    sync.Mutex
	shown time.Time
	err   error // of printing
}

// fsckPause is how often fsck says how far it is.
const fsckPause = 5 * time.Second

func (f *fsckOutput) print(format string, args ...any) {
	_, err := fmt.Fprintf(f.out, format, args...)
	f.err = errors.Join(f.err, err)
}

func (f *fsckOutput) finding(one node.Finding) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case one.Err != nil:
		f.print("DAMAGED  %s: %v\n", one.Name, one.Err)
	case one.Skipped != "":
		f.print("skipped  %s: %s\n", one.Name, one.Skipped)
	case one.Rows > 0:
		f.print("ok       %s (%d, %s)\n", one.Name, one.Rows, one.Took.Round(time.Millisecond))
	default:
		f.print("ok       %s (%s)\n", one.Name, one.Took.Round(time.Millisecond))
	}
	f.shown = time.Now()
}

func (f *fsckOutput) progress(name string, rows int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.shown) < fsckPause {
		return
	}
	f.shown = time.Now()
	f.print("…        %s: %d so far\n", name, rows)
}
