package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"tradecredit/node"
)

func contextOf(c *cobra.Command) context.Context {
	if ctx := c.Context(); ctx != nil {
		return ctx
	}
	return context.Background()
}

// progressBar is a bar with rate and time left on a terminal, and nothing elsewhere. done takes it away.
func progressBar(w io.Writer, what string) (tell func(node.Progress), done func()) {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil, func() {}
	}
	bar := progressbar.NewOptions64(-1, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what), progressbar.OptionShowCount(),
		progressbar.OptionShowIts(), progressbar.OptionSetItsString("blocks"), progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	sized := false
	return func(p node.Progress) {
		if !sized {
			bar.ChangeMax64(p.Last - p.First)
			sized = true
		}
		bar.Describe(fmt.Sprintf("%s, %.0f records/s", what, float64(p.Records)/max(p.Elapsed.Seconds(), 1e-9)))
		_ = bar.Set64(p.Height - p.First) // a bar that cannot be drawn is no reason to stop
	}, func() { _ = bar.Finish() }
}

func newExport() *cobra.Command {
	var o node.ExportOptions
	var api string
	c := &cobra.Command{
		Use:   "export",
		Short: "Write the blocks into an archive, also while the node runs",
		Long: "export writes the history of a network into a folder: compressed chunks that say what they are, with checksums, and an index. It has the genesis, every block " +
			"with its commit, and the codes of every transaction, so that 'ledgerd replay' can verify and execute all of it when the network is long gone.\n\n" +
			"A running node passes its blocks on to programs on the same machine; a stopped node's home is read directly. Called again with the same folder it goes on " +
			"where the archive ends, also after it was interrupted.",
		Example: "  ledgerd export --out ./archive\n" +
			"  ledgerd export --api http://127.0.0.1:8080 --out ./archive --to 120000",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.Out == "" {
				return errors.New("--out is missing: the folder of the archive")
			}
			ctx, release := signal.NotifyContext(contextOf(c), os.Interrupt, syscall.SIGTERM)
			defer release()
			var done func()
			o.Progress, done = progressBar(c.ErrOrStderr(), "export")
			o.From, o.Probe = api, crashProbe()
			x, err := exportFrom(ctx, c, o)
			done()
			if err != nil {
				return err
			}
			return printExported(c.OutOrStdout(), o.Out, x)
		},
	}
	c.Flags().StringVar(&api, "api", "", "http://host:port of a running node on this machine; else the node of --home, running or not")
	c.Flags().StringVar(&o.Out, "out", "", "folder of the archive")
	c.Flags().Int64Var(&o.First, "from", 0, "first height of a new archive; 0: 1. Only an archive from 1 on can be replayed")
	c.Flags().Int64Var(&o.Last, "to", 0, "last height; 0: the newest")
	return c
}

// exportFrom exports from the home, through the node's interface if it runs.
func exportFrom(ctx context.Context, c *cobra.Command, o node.ExportOptions) (*node.Exported, error) {
	if o.From != "" {
		return node.Export(ctx, o)
	}
	cfg, err := loadConfig(c)
	if err != nil {
		return nil, err
	}
	o.From = cfg.Home
	x, err := node.Export(ctx, o)
	if !errors.Is(err, node.ErrNodeRuns) || cfg.API.Laddr == "" {
		return x, err
	}
	o.From = "http://" + cfg.API.Laddr
	return node.Export(ctx, o)
}

func printExported(out io.Writer, dir string, x *node.Exported) error {
	if x.Last < x.First {
		_, err := fmt.Fprintf(out, "%s is up to date: it ends with block %d\n", dir, x.Last)
		return err
	}
	const mb = 1e6
	_, err := fmt.Fprintf(out, "blocks %d to %d, %d transactions, %d records, %d chunks in %s\n"+
		"%.1f MB of blocks, %.1f MB written (%.0f %%), %.0f bytes a record, %.1f s, %.1f MB/s\n",
		x.First, x.Last, x.Transactions, x.Records, x.Chunks, dir,
		float64(x.Content)/mb, float64(x.Bytes)/mb, 100*float64(x.Bytes)/float64(max(1, x.Content)), float64(x.Bytes)/float64(max(1, x.Records)),
		x.Seconds, float64(x.Content)/mb/max(x.Seconds, 1e-9))
	return err
}

func newImport() *cobra.Command {
	var o node.ImportOptions
	c := &cobra.Command{
		Use:   "import",
		Short: "Fill a fresh home with the blocks of an archive, by replaying them",
		Long: "import takes the history from an archive (or from a stopped node's home) into a home that 'ledgerd init' has just made. It verifies and executes every block as " +
			"'ledgerd replay' does; the node then starts at that height and goes on with the network. The home's genesis must be that of the archive " +
			"('ledgerd init --genesis ARCHIVE/genesis.json').",
		Example: "  ledgerd init --genesis ./archive/genesis.json --home ./node-b\n" +
			"  ledgerd import --from ./archive --home ./node-b\n" +
			"  ledgerd start --home ./node-b",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.From == "" {
				return errors.New("--from is missing: the folder of the archive")
			}
			cfg, err := loadConfig(c)
			if err != nil {
				return err
			}
			o.Config = cfg
			ctx, release := signal.NotifyContext(contextOf(c), os.Interrupt, syscall.SIGTERM)
			defer release()
			var done func()
			o.Progress, done = progressBar(c.ErrOrStderr(), "import")
			o.Logger = node.NewLogger(c.ErrOrStderr(), node.LogConfig{Level: "warn", EngineLevel: "error", Format: "plain"})
			r, err := node.Import(ctx, o)
			done()
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s is at height %d with app hash %s\n\n", cfg.Home, r.Report.Last, r.Report.AppHash)
			printTimes(c.OutOrStdout(), &r.Times)
			return nil
		},
	}
	c.Flags().StringVar(&o.From, "from", "", "folder of the archive, home of a stopped node, or http://host:port of a running one on this machine")
	c.Flags().Int64Var(&o.Until, "until", 0, "last height; 0: the newest")
	return c
}
