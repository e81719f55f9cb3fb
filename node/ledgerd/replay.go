package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"tradecredit/client"
	"tradecredit/node"
	"tradecredit/types"
)

// replaying is a command line of 'ledgerd replay'.
type replaying struct {
	options               node.ReplayOptions
	subjects              []string
	day                   string
	asOf, at              int64
	report, statement, id string
	output                string
}

func newReplay() *cobra.Command {
	var r replaying
	c := &cobra.Command{
		Use:   "replay",
		Short: "Verify a history from its genesis on and execute it again",
		Long: "replay reads the blocks of a stopped node's home, of an archive ('ledgerd export') or of a running node on this machine, and believes none of it: it verifies " +
			"every header, the commit of two thirds of the validators in force, and every signature, executes every block on an empty state, and compares app hash, results and " +
			"validators with the next header, at every height. With a home it compares the node's own state as well. It needs no network.\n\n" +
			"Blocks are read, decoded and verified ahead of their execution, on all processors. It needs room for the state on disk (--scratch), and up to 1 GB of memory " +
			"more than a node.\n\n" +
			"It ends with MATCH, or with the first difference: height, transaction, key, what was there before, what was to be expected, what was found, and which side " +
			"disagrees with the header (exit status 6). A history that its validators did not sign as it stands is an error (exit status 1).\n\n" +
			"The report (--report) is the same to the byte for everybody who replays the same blocks; the statement (--statement) is the message by which an auditor puts " +
			"its SHA-256 on the ledger. Results of the newest block stand in no header yet, so a statement is about the height before it.\n\n" +
			"With --as-of and --keep the state stays, every height of it up to that one, and 'ledgerd replay get' reads it. With --score and --at a past score is computed " +
			"again, by the model that was in force, as the receipt of a query in the next block says it.",
		Example: "  ledgerd replay --from ./node-a\n" +
			"  ledgerd replay --from ./archive --until 120000 --report report.json --statement attest.json\n" +
			"  ledgerctl tx attest_replay @attest.json --key keys/auditor.key\n" +
			"  ledgerd replay --from http://127.0.0.1:8080 --against ./copy-of-node-a\n" +
			"  ledgerd replay --from ./archive --as-of 120000 --keep ./as-of-120000\n" +
			"  ledgerd replay get --state ./as-of-120000 order/platform-1/R-88\n" +
			"  ledgerd replay --from ./archive --score USCC:91330000000000000X --at 120000",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return r.run(c) },
	}
	f := c.Flags()
	f.StringVar(&r.options.From, "from", "", "home of a stopped node, folder of an archive, or http://host:port of a running node on this machine; else --home")
	f.Int64Var(&r.options.Until, "until", 0, "last height to execute; 0: the newest")
	f.Int64Var(&r.asOf, "as-of", 0, "the same as --until, for a state that is kept")
	f.Int64Var(&r.at, "at", 0, "the same as --until, for a score")
	f.StringVar(&r.options.Keep, "keep", "", "folder that keeps the state, for 'ledgerd replay get'; it must be empty or absent")
	f.StringVar(&r.options.Against, "against", "", "home of a stopped node whose state is compared too, when the blocks come from elsewhere")
	f.StringVar(&r.options.Scratch, "scratch", "", "folder for the state while it works; else the system's folder for temporary files")
	f.Int64Var(&r.options.CacheBytes, "cache-bytes", 256<<20, "memory for rows that were read lately")
	f.StringArrayVar(&r.subjects, "score", nil, "subject whose score at the last height is computed, by the model of that height; may be repeated")
	f.StringVar(&r.day, "day", "", "civil day of the scores, YYYY-MM-DD; else that of the last block")
	f.StringVar(&r.report, "report", "", "file for the report")
	f.StringVar(&r.statement, "statement", "", "file for the message of 'ledgerctl tx attest_replay'")
	f.StringVar(&r.id, "id", "", "id of the statement; else replay-<height>")
	f.StringVarP(&r.output, "output", "o", "table", "table, or json: the report, with --score an object of report and scores")
	c.AddCommand(newReplayGet())
	return c
}

// until is the one height that the flags name.
func (r *replaying) until() error {
	for _, h := range []int64{r.asOf, r.at} {
		if h == 0 {
			continue
		}
		if r.options.Until != 0 && r.options.Until != h {
			return fmt.Errorf("--until, --as-of and --at name one height, not %d and %d", r.options.Until, h)
		}
		r.options.Until = h
	}
	switch {
	case r.asOf != 0 && r.options.Keep == "":
		return errors.New("--as-of keeps a state: name a folder for it with --keep, to be read with 'ledgerd replay get'")
	case r.at != 0 && len(r.subjects) == 0:
		return errors.New("--at is the height of a score: name its subject with --score, or use --until")
	case r.day != "" && len(r.subjects) == 0:
		return errors.New("--day is the day of a score: name its subject with --score")
	}
	if r.options.Until < 0 {
		return fmt.Errorf("height %d: heights begin with 1", r.options.Until)
	}
	return nil
}

func (r *replaying) run(c *cobra.Command) error {
	if r.output != "table" && r.output != "json" {
		return fmt.Errorf("--output must be table or json, but is %q", r.output)
	}
	if err := r.until(); err != nil {
		return err
	}
	if r.options.From == "" {
		home, err := homeOf(c)
		if err != nil {
			return err
		}
		r.options.From = home
	}
	for _, s := range r.subjects {
		q := node.ScoreRequest{Subject: s}
		if r.day != "" {
			day, err := types.ParseDay(r.day)
			if err != nil {
				return fmt.Errorf("--day: %w", err)
			}
			q.Day = day
		}
		r.options.Score = append(r.options.Score, q)
	}
	ctx, release := signal.NotifyContext(contextOf(c), os.Interrupt, syscall.SIGTERM)
	defer release()
	var done func()
	r.options.Progress, done = progressBar(c.ErrOrStderr(), "replay")
	r.options.Logger = node.NewLogger(c.ErrOrStderr(), node.LogConfig{Level: "warn", EngineLevel: "error", Format: "plain"})
	replayed, err := node.Replay(ctx, r.options)
	done()
	if err != nil {
		return err
	}
	if err := r.write(replayed); err != nil {
		return err
	}
	if err := r.print(c.OutOrStdout(), replayed); err != nil {
		return err
	}
	if d := replayed.Report.Divergence; d != nil {
		return fmt.Errorf("%w at height %d", node.ErrDiverged, d.Height)
	}
	return nil
}

// write writes report and statement.
func (r *replaying) write(done *node.Replayed) error {
	if r.report != "" {
		b, err := done.Report.Bytes()
		if err != nil {
			return err
		}
		if err := os.WriteFile(r.report, b, 0o644); err != nil {
			return err
		}
	}
	if r.statement == "" {
		return nil
	}
	if r.id == "" {
		r.id = fmt.Sprintf("replay-%d", done.Report.CertifiedHeight)
	}
	b, err := done.Report.Statement(r.id)
	if err != nil {
		return err
	}
	return os.WriteFile(r.statement, b, 0o644)
}

func (r *replaying) print(out io.Writer, done *node.Replayed) error {
	if r.output == "json" {
		return printJSON(out, done)
	}
	p := &done.Report
	fmt.Fprintf(out, "chain        %s (genesis %s)\n", p.ChainID, p.GenesisSHA256)
	fmt.Fprintf(out, "blocks       %d to %d, certified by a header up to %d\n", p.First, p.Last, p.CertifiedHeight)
	fmt.Fprintf(out, "transactions %d with %d records; validators changed %d times\n", p.Transactions, p.Records, p.ValidatorChanges)
	fmt.Fprintf(out, "app hash     %s\n\n", p.AppHash)
	printTimes(out, &done.Times)
	if p.Divergence != nil {
		printDivergence(out, p.Divergence)
	}
	if err := printScores(out, done.Scores); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%s\n", p.Result)
	return err
}

// printJSON prints the report as it is; with scores, one object of both.
func printJSON(out io.Writer, done *node.Replayed) error {
	b, err := done.Report.Bytes()
	if err == nil && len(done.Scores) > 0 {
		both := struct {
			Report json.RawMessage   `json:"report"`
			Scores []json.RawMessage `json:"scores"`
		}{Report: b}
		for _, s := range done.Scores {
			text, err := client.EncodeMessage(s)
			if err != nil {
				return err
			}
			both.Scores = append(both.Scores, text)
		}
		if b, err = json.MarshalIndent(both, "", "  "); err == nil {
			b = append(b, '\n')
		}
	}
	if err != nil {
		return err
	}
	_, err = out.Write(b)
	return err
}

// printTimes shows what took how long.
func printTimes(out io.Writer, t *node.ReplayTimes) {
	w := table.NewWriter()
	w.SetOutputMirror(out)
	w.SetStyle(table.StyleLight)
	w.Style().Format.Footer = text.FormatDefault
	w.AppendHeader(table.Row{"part", "seconds", "share"})
	sum := 0.0
	for _, p := range t.Parts() {
		sum += p.Seconds
	}
	for _, p := range t.Parts() {
		w.AppendRow(table.Row{p.Name, fmt.Sprintf("%.2f", p.Seconds), fmt.Sprintf("%.0f %%", 100*p.Seconds/max(sum, 1e-9))})
	}
	w.AppendFooter(table.Row{"by the clock", fmt.Sprintf("%.2f", t.Seconds), fmt.Sprintf("%.0f records/s", t.PerSecond)})
	w.Render()
}

// shownBytes is how many bytes of a value that is no record of a known kind are shown.
const shownBytes = 64

// valueText shows a value of the state.
func valueText(key string, value []byte) string {
	if value == nil {
		return "nothing"
	}
	if kind := types.KindOf(key); kind != nil {
		record := kind.New()
		if record.Unmarshal(value) == nil {
			if text, err := client.EncodeMessage(record); err == nil {
				return string(text)
			}
		}
	}
	if len(value) > shownBytes {
		return fmt.Sprintf("%x… (%d bytes)", value[:shownBytes], len(value))
	}
	return fmt.Sprintf("%x", value)
}

func printDivergence(out io.Writer, d *node.Divergence) {
	fmt.Fprintf(out, "\nThe first difference is at height %d.\n", d.Height)
	if len(d.Differs) > 0 {
		fmt.Fprintf(out, "  header %d       %s differ from what the replay came to\n", d.HeaderHeight, strings.Join(d.Differs, ", "))
	}
	for _, s := range d.Sides {
		fmt.Fprintf(out, "  %-14s  %s with the header\n", s.Name, s.Header)
	}
	switch t := d.Transaction; {
	case t == nil:
		fmt.Fprintln(out, "  transaction     none of the block is known to have made it")
	case t.Index < 0:
		fmt.Fprintln(out, "  transaction     none: it is the work that time alone causes, before the first one")
	default:
		fmt.Fprintf(out, "  transaction     %d of the block: %s, signed by %s, reference %s (%s)\n", t.Index, t.Hash, t.Signer, t.Reference, t.How)
		if t.Stored != t.Replay {
			fmt.Fprintf(out, "  message         %d: the node stored %s, the replay comes to %s\n", t.Message, t.Stored, t.Replay)
		}
	}
	if v := d.Validator; v != nil {
		fmt.Fprintf(out, "  validator       %s: power %s by the replay, %s by the stored outcome\n", v.PublicKey, powerText(v.Replay), powerText(v.Stored))
	}
	if d.Key == "" {
		if d.StateAppHash == nil {
			fmt.Fprintln(out, "  key             not known: name the home of a node with --against")
		}
		return
	}
	fmt.Fprintf(out, "  key             %s (%s), the first of %d\n", d.Key, d.KeyKind, d.Keys)
	fmt.Fprintf(out, "  before          %s\n", valueText(d.Key, d.Before))
	for _, v := range []struct {
		side  string
		value []byte
	}{{"replay", d.Replay}, {"state database", d.State}} {
		word := v.side
		switch v.side {
		case d.Expected:
			word = "expected"
		case d.Found:
			word = "found"
		}
		fmt.Fprintf(out, "  %-14s  %s (%s)\n", word, valueText(d.Key, v.value), v.side)
	}
}

// powerText is what becomes of a validator's power.
func powerText(power *int64) string {
	if power == nil {
		return "unchanged"
	}
	return fmt.Sprint(*power)
}

// printScores shows receipts as JSON.
func printScores(out io.Writer, scores []*types.Receipt) error {
	for _, s := range scores {
		text, err := client.EncodeMessage(s)
		if err != nil {
			return err
		}
		var raw json.RawMessage = text
		indented, err := json.MarshalIndent(raw, "", "  ")
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "\nscore of %s at height %d, on %s, by the model %s:\n%s\n", s.Subject, s.ScoredHeight, types.FormatDay(s.Day), s.Model, indented)
	}
	return nil
}

func newReplayGet() *cobra.Command {
	var dir, prefix, score, day string
	var height int64
	var limit int
	c := &cobra.Command{
		Use:   "get KEY",
		Short: "Read a state that a replay kept",
		Long: "get reads one record, a list of them, or a score out of a state that 'ledgerd replay --keep' kept, at any height up to the one that it ended at. " +
			"Give the key of the record, or --prefix, or --score, without a key. What it shows was computed on this machine from blocks that were verified.",
		Example: "  ledgerd replay get --state ./as-of-120000 order/platform-1/R-88\n" +
			"  ledgerd replay get --state ./as-of-120000 --prefix consent/ --at 90000\n" +
			"  ledgerd replay get --state ./as-of-120000 --score USCC:91330000000000000X --day 2026-08-29",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			asked := len(args)
			for _, s := range []string{prefix, score} {
				if s != "" {
					asked++
				}
			}
			if asked != 1 || dir == "" {
				return errors.New("name --state and one of KEY, --prefix and --score")
			}
			p, err := node.OpenPast(dir, height)
			if err != nil {
				return err
			}
			return errors.Join(printPast(c.OutOrStdout(), p, args, prefix, limit, score, day), p.Close())
		},
	}
	c.Flags().StringVar(&dir, "state", "", "folder that --keep named")
	c.Flags().Int64Var(&height, "at", 0, "height; 0: the last one")
	c.Flags().StringVar(&prefix, "prefix", "", "list the keys that begin so")
	c.Flags().IntVar(&limit, "limit", 100, "how many keys of a list are shown at most")
	c.Flags().StringVar(&score, "score", "", "subject whose score is computed")
	c.Flags().StringVar(&day, "day", "", "civil day of the score, YYYY-MM-DD; else that of the block")
	return c
}

func printPast(out io.Writer, p *node.Past, args []string, prefix string, limit int, score, day string) error {
	if score != "" {
		d := int32(0)
		if day != "" {
			var err error
			if d, err = types.ParseDay(day); err != nil {
				return fmt.Errorf("--day: %w", err)
			}
		}
		r, err := p.Score(score, d)
		if err != nil {
			return err
		}
		return printScores(out, []*types.Receipt{r})
	}
	if prefix != "" {
		list, err := p.List(prefix, limit)
		if err != nil {
			return err
		}
		for _, x := range list {
			fmt.Fprintf(out, "%s\t%s\n", x.Key, valueText(x.Key, x.Value))
		}
		return nil
	}
	value, err := p.Get(args[0])
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", valueText(args[0], value))
	return err
}
