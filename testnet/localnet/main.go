// Command localnet runs four validators on this machine, for hands: addresses and logs are printed, Ctrl-C stops them, and
// what they hold is kept for the next run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"tradecredit/client"
	"tradecredit/node"
	"tradecredit/testnet"
	"tradecredit/types"
)

func main() {
	dir := flag.String("dir", ".localnet", "folder of the homes")
	first := flag.Int("port", 28100, "first of sixteen loopback ports")
	validators := flag.Int("validators", 4, "how many validators (1 to 16)")
	reset := flag.Bool("reset", false, "forget what the last run left and begin anew")
	flag.Usage = func() {
		fmt.Fprint(os.Stderr, "localnet runs a network on this machine until Ctrl-C.\n\nExamples:\n  make localnet\n  build/localnet --reset --port 28200\n\nFlags:\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := run(*dir, *first, *validators, *reset); err != nil {
		fmt.Fprintln(os.Stderr, "localnet:", err)
		os.Exit(1)
	}
}

// seats are the members that a network for hands begins with, one of each kind.
func seats() []testnet.Seat {
	seat := func(id string, roles ...types.Role) testnet.Seat {
		return testnet.Seat{ID: id, Jurisdiction: "CN-ZJ", Roles: roles}
	}
	return []testnet.Seat{
		seat("council-a", types.Role_COUNCIL), seat("council-b", types.Role_COUNCIL), seat("council-c", types.Role_COUNCIL),
		seat("customs", types.Role_CUSTOMS), seat("tax", types.Role_TAX), seat("forex", types.Role_FOREX),
		seat("bank-a", types.Role_BANK), seat("bank-b", types.Role_BANK), seat("platform", types.Role_PLATFORM),
		seat("carrier", types.Role_LOGISTICS), seat("verifier", types.Role_VERIFIER), seat("auditor", types.Role_AUDITOR),
	}
}

func run(dir string, first, validators int, reset bool) error {
	if validators < 1 || validators > 16 {
		return errors.New("--validators must lie between 1 and 16")
	}
	ledgerd, err := testnet.Beside("ledgerd")
	if err != nil {
		return err
	}
	if reset {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	configs, err := open(dir, first, validators)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var running []*testnet.Process
	defer func() {
		for _, p := range running {
			if err := p.Stop(); err != nil {
				fmt.Fprintln(os.Stderr, p.Config.Moniker+":", err)
			}
		}
	}()
	for _, c := range configs {
		p, err := testnet.StartProcess(ledgerd, c)
		if err != nil {
			return err
		}
		running = append(running, p)
	}
	return watch(ctx, running, dir)
}

// watch waits until all are healthy, prints where they are, and returns at Ctrl-C or when one ends by itself.
func watch(ctx context.Context, running []*testnet.Process, dir string) error {
	ready, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	t := table.NewWriter()
	t.SetOutputMirror(os.Stdout)
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"node", "API", "JSON-RPC", "p2p", "metrics", "log"})
	for _, p := range running {
		if err := p.Ready(ready); err != nil {
			return err
		}
		c := p.Config
		t.AppendRow(table.Row{c.Moniker, "http://" + c.API.Laddr, c.RPC.Laddr, c.P2P.Laddr, c.Metrics.Laddr, p.Log})
	}
	t.Render()
	api := running[0].Config.API.Laddr
	fmt.Printf("\nKeys of the founding members: %s (plain files: this network is for hands). Try:\n"+
		"  build/ledgerctl status --node http://%s\n"+
		"  build/ledgerctl tx publish_fixing '{\"currency\":\"EUR\",\"day\":\"%s\",\"rate_e9\":\"7800000000\"}' --node http://%s --signer forex --key %s\n"+
		"Ctrl-C stops the nodes; what they hold is kept (--reset forgets it).\n",
		filepath.Join(dir, "keys"), api, time.Now().UTC().Format(time.DateOnly), api, filepath.Join(dir, "keys", "forex-forex.json"))
	ended := make(chan *testnet.Process, len(running))
	for _, p := range running {
		go func() { <-p.Done(); ended <- p }()
	}
	select {
	case <-ctx.Done():
		fmt.Println("\nstopping …")
		return nil
	case p := <-ended:
		return fmt.Errorf("%s ended by itself; its log is %s", p.Config.Moniker, p.Log)
	}
}

// open reads the homes of the last run, or makes new ones.
func open(dir string, first, validators int) ([]node.Config, error) {
	if _, err := os.Stat(filepath.Join(dir, "node0")); err == nil {
		var out []node.Config
		for i := range validators {
			c, err := node.Load(filepath.Join(dir, fmt.Sprintf("node%d", i)), nil, nil)
			if err != nil {
				return nil, fmt.Errorf("%w (the folder holds another network? --reset begins anew)", err)
			}
			out = append(out, c)
		}
		return out, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	n, err := testnet.Make(testnet.Plan{
		Dir: dir, ChainID: "localnet", BaseCurrency: "CNY", DayOffsetS: 28800, Validators: validators, FirstPort: first,
		Notice: "A network for hands on one machine. Its institutions and keys are made up.", Seats: seats(),
	})
	if err != nil {
		return nil, err
	}
	return n.Configs, client.WriteKeys(filepath.Join(dir, "keys"), n.Keys)
}
