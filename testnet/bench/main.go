// Command bench measures the ledger where its users feel it, on this machine, and prints a table; then the same figures as
// lines name<TAB>value<TAB>unit. Machines differ and are shared: compare ratios of one run.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// figure is one measured number, with the bar it is held against (empty: none).
type figure struct {
	name  string
	value float64
	unit  string
	bar   string
}

// bench collects figures.
type bench struct {
	ctx     context.Context
	dir     string
	vat     string
	keys    [2]int
	figures []figure
	notes   []string
	save    string // where the CPU profile of the large ingest run goes; empty: nowhere
}

func (b *bench) add(name string, value float64, unit, bar string) {
	b.figures = append(b.figures, figure{name, value, unit, bar})
	fmt.Fprintf(os.Stderr, "  %-34s %14s %s\n", name, number(value), unit)
}

func (b *bench) note(format string, args ...any) {
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
}

// number writes a value with as many digits as it deserves.
func number(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

func main() {
	vat := flag.String("vat", "", "folder with output_invoice.csv.gz (VAT invoices); empty: not run")
	only := flag.String("only", "", "run only the parts whose name matches this expression")
	small := flag.Int("keys", 100_000, "tree keys of the smaller ingest run")
	large := flag.Int("keys-large", 1_000_000, "tree keys of the larger ingest run")
	save := flag.String("profile", "", "file for the CPU profile of the large ingest run, for go tool pprof")
	flag.Usage = func() {
		fmt.Fprint(os.Stderr, "bench measures the ledger on this machine.\n\nExamples:\n  make bench\n  make bench VAT=../vat\n"+
			"  make bench BENCH='-only ingest -keys-large 200000'\n\nFlags:\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, *only, &bench{vat: *vat, keys: [2]int{*small, *large}, save: *save}); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string, b *bench) error {
	match, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("--only: %w", err)
	}
	dir, err := os.MkdirTemp("", "ledger-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b.ctx, b.dir = ctx, dir
	for _, part := range []struct {
		name string
		run  func(*bench) error
	}{
		{"latency.lone", latencyLone}, {"latency.4validators", latencyFour}, {"keys", treeKeys}, {"score", scoreMillion},
		{"ingest", ingest}, {"join", joins}, {"report", reports}, {"replay", replays}, {"vat", vatInvoices},
	} {
		if !match.MatchString(part.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s …\n", part.name)
		began := time.Now()
		if err := part.run(b); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		fmt.Fprintf(os.Stderr, "  (%.0f s)\n", time.Since(began).Seconds())
	}
	b.print()
	return nil
}

// home is a fresh folder below the run's own.
func (b *bench) home(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) print() {
	t := table.NewWriter()
	t.SetOutputMirror(os.Stdout)
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"figure", "value", "unit", "first bar"})
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 2, Align: text.AlignRight}})
	for _, f := range b.figures {
		t.AppendRow(table.Row{f.name, number(f.value), f.unit, f.bar})
	}
	t.Render()
	for _, n := range b.notes {
		fmt.Println("*", n)
	}
	fmt.Println()
	for _, f := range b.figures {
		fmt.Printf("%s\t%s\t%s\n", f.name, number(f.value), f.unit)
	}
}
