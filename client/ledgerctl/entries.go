package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tradecredit/client"
	"tradecredit/types"
)

func newEntries(o *options) *cobra.Command {
	var after uint64
	var limit int
	var opts client.GetOptions
	cmd := &cobra.Command{
		Use:   "entries SUBJECT",
		Short: "List an enterprise's entry log, and prove that nothing was left out",
		Long: "List an enterprise's entry log. With --trust the rows are proved: the log's head holds how many there are and a root over all of them, so that a node cannot " +
			"leave one out, add, change or move one. Without --trust it is the word of a node, and says so.",
		Example: "  ledgerctl entries USCC:91350100M000100Y43 --trust trust.json\n" +
			"  ledgerctl entries USCC:91350100M000100Y43 --trust trust.json --after 200 --limit 100 -o json\n" +
			"  ledgerctl entries USCC:91350100M000100Y43    # unproved",
		Args: exactly(1, "one subject id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := types.CheckSubjectID(args[0]); err != nil {
				return &usageError{err}
			}
			trust, err := o.readTrust()
			if err != nil {
				return err
			}
			c, err := o.client(trust)
			if err != nil {
				return err
			}
			if trust != nil {
				opts.Patience = provableWait
				list, err := c.ProveEntries(cmd.Context(), args[0], after, limit, opts)
				if err != nil {
					return err
				}
				return printProvedEntries(cmd.OutOrStdout(), o, c.ChainID(), list)
			}
			if opts.MinHeight > 0 || opts.MaxAge > 0 {
				return usagef("--min-height and --max-age need --trust: what a node says about its own height proves nothing")
			}
			r, err := c.Entries(cmd.Context(), args[0], after, limit)
			if err != nil {
				return err
			}
			return printEntries(cmd.OutOrStdout(), o, after, r)
		},
	}
	cmd.Flags().Uint64Var(&after, "after", 0, "number of the first row")
	cmd.Flags().IntVar(&limit, "limit", 0, "at most so many rows (default: all of them with --trust, else the node's)")
	cmd.Flags().Int64Var(&opts.MinHeight, "min-height", 0, "refuse an older state; waits a few seconds until it can be proved")
	cmd.Flags().DurationVar(&opts.MaxAge, "max-age", 0, "refuse an older header (default 2m)")
	return cmd
}

// entryTable prints rows, the first one numbered first.
func entryTable(out io.Writer, first uint64, entries []*types.Entry) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "No\tKind\tDay\tCounterparty\tBase amount (minor)\tCounted\tRecord")
	for i, e := range entries {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%t\t%s\n", first+uint64(i), strings.TrimPrefix(e.Kind.String(), "ENTRY_"), types.FormatDay(e.Day),
			e.Counterparty, e.BaseMinor, e.Counted, e.Record)
	}
	return w.Flush()
}

// printEntries prints what a node said.
func printEntries(out io.Writer, o *options, after uint64, r *types.EntriesResponse) error {
	if o.json() {
		text, err := client.EncodeMessage(r)
		if err != nil {
			return err
		}
		return printJSON(out, map[string]any{"proved": false, "list": json.RawMessage(text)})
	}
	if err := entryTable(out, after, r.Entries); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%d of %d entries at height %d; the list is the node's word, UNPROVED: --trust proves it\n", len(r.Entries), r.Total, r.Height)
	return err
}

// printProvedEntries prints what is proved. The JSON is that of an unproved list, so that programs read both alike.
func printProvedEntries(out io.Writer, o *options, chainID string, l *client.EntryList) error {
	p, n := l.Proven, uint64(len(l.Entries))
	if o.json() {
		text, err := client.EncodeMessage(&types.EntriesResponse{Subject: l.Subject, Total: l.Total, Height: p.Height, Next: l.First + n, Entries: l.Entries, Proved: true})
		if err != nil {
			return err
		}
		return printJSON(out, map[string]any{"proved": true, "complete": l.Complete(), "chain_id": chainID, "list": json.RawMessage(text),
			"header_time": p.Time.UTC().Format(time.RFC3339Nano), "app_hash": p.AppHash.String()})
	}
	if n > 0 {
		if err := entryTable(out, l.First, l.Entries); err != nil {
			return err
		}
	}
	what := fmt.Sprintf(" complete: %d of %d entries of %s", n, l.Total, l.Subject)
	switch {
	case p.Value == nil:
		what = ": there is no entry of " + l.Subject
	case !l.Complete() && n > 0:
		what = fmt.Sprintf(": entries %d to %d of %s, none between left out, of %d in all", l.First, l.First+n-1, l.Subject, l.Total)
	case !l.Complete():
		what = fmt.Sprintf(": %s has %d entries, none from number %d on", l.Subject, l.Total, l.First)
	}
	_, err := fmt.Fprintf(out, "✓ proved%s at height %d of %s (header %d, %s)\n", what, p.Height, chainID, p.Height+1, p.Time.UTC().Format(time.RFC3339))
	return err
}
