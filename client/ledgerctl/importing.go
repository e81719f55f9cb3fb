package main

import (
	_ "embed"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"tradecredit/client"
)

//go:embed mapping.example.toml
var exampleMapping string

// importFlags are the flags of import.
type importFlags struct {
	mapping, saltKey, results string
	epochKeys                 []string
	keys                      []string
	batch, requests           int
	dryRun, example           bool
}

func newImport(o *options) *cobra.Command {
	f := &importFlags{}
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Load the rows of a CSV file as signed records",
		Long: "Load the rows of a CSV file as signed records, as a mapping file says. Every row gets a line in the results file. An import that was interrupted goes on " +
			"where it stopped; a file that was loaded before adds nothing, for ever.\n\nExit status 0 means that every row is recorded, or skipped as the mapping says.",
		Example: "  ledgerctl import invoices.csv --mapping invoices.toml --key platform --salt-key salt.key --trust trust.json\n" +
			"  ledgerctl import payments.csv --mapping payments.toml --key platform=keys/platform.key --key bank=keys/bank.key\n" +
			"  ledgerctl import invoices.csv --mapping invoices.toml --key platform --dry-run\n" +
			"  ledgerctl import --example-mapping > invoices.toml",
		Args: func(cmd *cobra.Command, args []string) error {
			if f.example {
				return nil
			}
			return exactly(1, "one CSV file")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.example {
				_, err := fmt.Fprint(cmd.OutOrStdout(), exampleMapping)
				return err
			}
			return importFile(cmd, o, f, args[0])
		},
	}
	g := cmd.Flags()
	g.StringVar(&f.mapping, "mapping", "", "mapping file (needed)")
	g.StringArrayVar(&f.keys, "key", nil, "key that signs, or NAME=KEY for each signer that the mapping names (needed)")
	g.StringArrayVar(&f.epochKeys, "epoch-key", nil, "EPOCH=FILE: consortium key that fingerprints are made under; once for every open epoch")
	g.StringVar(&f.saltKey, "salt-key", "", "salt key of the commitments; make one with: ledgerctl keys salt FILE")
	g.StringVar(&f.results, "results", "", "file with a line for every row (default FILE.results.csv)")
	g.IntVar(&f.batch, "batch", 100, "messages a transaction, 1–256")
	g.IntVar(&f.requests, "requests", 4, "requests under way at a time")
	g.BoolVar(&f.example, "example-mapping", false, "print a mapping file that shows everything a mapping knows")
	g.BoolVar(&f.dryRun, "dry-run", false, "map every row and send nothing")
	return cmd
}

func importFile(cmd *cobra.Command, o *options, f *importFlags, path string) error {
	im, err := prepareImport(cmd, o, f, path)
	if err != nil {
		return err
	}
	stop := progress(cmd.ErrOrStderr(), im)
	began := time.Now()
	s, resumed, err := im.Run(cmd.Context())
	stop()
	if s != nil {
		if perr := printSummary(cmd, o, im, s, resumed, time.Since(began)); perr != nil {
			return perr
		}
	}
	if err != nil {
		return err
	}
	if unwanted(im.Mapping, s) > 0 {
		return &saidError{}
	}
	return nil
}

// prepareImport reads everything that an import needs before the first row.
func prepareImport(cmd *cobra.Command, o *options, f *importFlags, path string) (*client.FileImport, error) {
	if f.mapping == "" {
		return nil, usagef("--mapping is needed")
	}
	text, err := readFile(f.mapping, "mapping")
	if err != nil {
		return nil, err
	}
	m, err := client.ParseMapping(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.mapping, err)
	}
	if m.EpochKeys, err = client.ParseEpochKeys(f.epochKeys); err != nil {
		return nil, usagef("--epoch-key: %v", err)
	}
	signers, err := o.importSigners(f.keys, m)
	if err != nil {
		return nil, err
	}
	var salt []byte
	if f.saltKey != "" {
		if salt, err = client.ReadSaltKey(f.saltKey); err != nil {
			return nil, err
		}
	} else if m.NeedsSalt() {
		return nil, usagef("--salt-key is needed: the mapping makes salted commitments")
	}
	var c *client.Client
	if f.dryRun {
		c, err = o.client(nil)
	} else {
		c, err = o.signingClient(cmd.Context())
	}
	if err != nil {
		return nil, err
	}
	if f.results == "" {
		f.results = path + ".results.csv"
	}
	return &client.FileImport{
		Importer: client.Importer{Client: c, Signers: signers, DryRun: f.dryRun,
			Submitter: client.SubmitterConfig{MessagesPerTx: f.batch, Requests: f.requests}},
		Path: path, Mapping: m, MapText: text, SaltKey: salt, Results: f.results,
	}, nil
}

// importSigners opens the keys under the names that the mapping uses. One key without a name is everybody's.
func (o *options) importSigners(keys []string, m *client.Mapping) (map[string]*client.Signer, error) {
	out := map[string]*client.Signer{}
	names := m.Signers()
	for _, k := range keys {
		name, key, named := strings.Cut(k, "=")
		if !named {
			if len(names) != 1 || len(keys) != 1 {
				return nil, usagef("the mapping names the signers %s: give --key NAME=KEY for each", strings.Join(names, ", "))
			}
			name, key = names[0], k
		}
		if !slices.Contains(names, name) {
			return nil, usagef("the mapping knows no signer %q; it names %s", name, strings.Join(names, ", "))
		}
		s, err := o.signer(key, "")
		if err != nil {
			return nil, err
		}
		s.Origin = m.OriginAt(time.Now())
		out[name] = s
	}
	for _, n := range names {
		if out[n] == nil {
			return nil, usagef("--key is needed for the signer %q of the mapping", n)
		}
	}
	return out, nil
}

// progress shows a bar on a terminal, and nothing elsewhere.
func progress(w io.Writer, im *client.FileImport) (stop func()) {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return func() {}
	}
	bar := progressbar.NewOptions64(-1, progressbar.OptionSetWriter(w), progressbar.OptionShowBytes(true), progressbar.OptionSetDescription("importing"),
		progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	im.Progress = func(done, total int64) {
		bar.ChangeMax64(total)
		_ = bar.Set64(done) // a bar that cannot be drawn is no reason to stop
	}
	return func() { _ = bar.Finish() }
}

// unwanted counts the rows that should be on the ledger and are not: the mapping's own skips are wanted.
func unwanted(m *client.Mapping, s *client.Summary) int64 {
	n := s.NotRecorded()
	for _, reason := range m.SkipReasons() {
		n -= s.Rejected[reason]
	}
	return n
}

func printSummary(cmd *cobra.Command, o *options, im *client.FileImport, s *client.Summary, resumed int64, took time.Duration) error {
	out := cmd.OutOrStdout()
	if o.json() {
		return printJSON(out, map[string]any{"rows": s.Rows, "new": s.New, "already_recorded": s.Already, "nothing_to_record": s.Nothing, "checked": s.Checked, "unknown": s.Unknown,
			"rejected": s.Rejected, "refused": s.Refused, "messages": s.Messages, "resumed_rows": resumed, "results": im.Results, "seconds": took.Seconds(), "dry_run": im.Importer.DryRun})
	}
	fmt.Fprintf(out, "%d rows", s.Rows)
	if resumed > 0 {
		fmt.Fprintf(out, " (%d of them in an earlier run)", resumed)
	}
	if im.Importer.DryRun {
		fmt.Fprintf(out, ", DRY RUN, nothing was sent: %d can be recorded\n", s.Checked)
	} else {
		fmt.Fprintf(out, ": %d new, %d already recorded\n", s.New, s.Already)
		if s.New == 0 && s.Already > 0 {
			fmt.Fprintln(out, "0 new records: every row that can be recorded stands on the ledger already")
		}
	}
	if s.Nothing > 0 {
		fmt.Fprintf(out, "  %d with nothing to record\n", s.Nothing)
	}
	for _, reason := range slices.Sorted(maps.Keys(s.Rejected)) {
		fmt.Fprintf(out, "  %d rejected: %s\n", s.Rejected[reason], reason)
	}
	for _, code := range slices.Sorted(maps.Keys(s.Refused)) {
		fmt.Fprintf(out, "  %d refused by the ledger: %s\n", s.Refused[code], code)
	}
	if s.Unknown > 0 {
		fmt.Fprintf(out, "  %d not final in time: run it again, nothing happens twice\n", s.Unknown)
	}
	_, err := fmt.Fprintf(out, "a result for every row: %s (%s)\n", im.Results, took.Round(100*time.Millisecond))
	return err
}
