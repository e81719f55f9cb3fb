// Command localnet runs four validators on this machine, for hands: addresses and logs are printed, Ctrl-C stops them, and
// what they hold is kept for the next run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"tradecredit/client"
	"tradecredit/node"
	"tradecredit/testnet"
	"tradecredit/types"
)

// options are what the command line says; what it does not say follows the folder, else these defaults.
type options struct {
	dir        string
	port       int
	validators int
	reset      bool
	given      map[string]bool // flags that were given
}

func main() {
	o := options{given: map[string]bool{}}
	flag.StringVar(&o.dir, "dir", ".localnet", "folder of the homes")
	flag.IntVar(&o.port, "port", 28100, "first of the loopback ports, four a validator")
	flag.IntVar(&o.validators, "validators", 4, "how many validators (1 to 16)")
	flag.BoolVar(&o.reset, "reset", false, "forget what the last run left and begin anew")
	flag.Usage = func() {
		fmt.Fprint(os.Stderr, "localnet runs a network on this machine until Ctrl-C.\n\nExamples:\n  make localnet\n"+
			"  build/localnet --reset --port 28200\n  build/localnet --dir /tmp/net --validators 7\n\nFlags:\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	flag.Visit(func(f *flag.Flag) { o.given[f.Name] = true })
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "localnet: %q is no flag; 'localnet --help' lists them\n", flag.Arg(0))
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, &o); err != nil {
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

func run(ctx context.Context, o *options) error {
	if o.validators < 1 || o.validators > 16 {
		return fmt.Errorf("--validators is %d; it must lie between 1 and 16", o.validators)
	}
	if o.port < 1024 || o.port+4*o.validators > 32768 {
		return fmt.Errorf("--port is %d; it must be 1024 at least, and %d at most for %d validators: above, connections take ports at random",
			o.port, 32768-4*o.validators, o.validators)
	}
	ledgerd, err := testnet.Beside("ledgerd")
	if err != nil {
		return err
	}
	if o.reset {
		if err := testnet.Forget(o.dir); err != nil {
			return err
		}
	}
	configs, kept, err := open(o)
	if err != nil {
		return err
	}
	if err := free(configs, o, kept); err != nil {
		return err
	}
	if kept {
		fmt.Printf("%s goes on where it was (--reset begins anew)\n", o.dir)
	}
	var running []*testnet.Process
	for _, c := range configs {
		p, err := testnet.StartProcess(ledgerd, c)
		if err != nil {
			return errors.Join(err, stopAll(running))
		}
		running = append(running, p)
	}
	return errors.Join(watch(ctx, running, o.dir), stopAll(running))
}

// stopAll stops all nodes at the same time.
func stopAll(running []*testnet.Process) error {
	errs := make([]error, len(running))
	var wg sync.WaitGroup
	for i, p := range running {
		wg.Go(func() {
			if err := p.Stop(); err != nil {
				errs[i] = fmt.Errorf("%s: %w", p.Config.Moniker, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// free refuses a network of which an address is taken, before anything runs.
func free(configs []node.Config, o *options, kept bool) error {
	for _, c := range configs {
		for _, address := range []string{c.P2P.Laddr, c.RPC.Laddr, c.API.Laddr, c.Metrics.Laddr} {
			if address == "" || testnet.Free(address) == nil {
				continue
			}
			if !kept { // made a moment ago, and of no use with these ports
				if err := testnet.Forget(o.dir); err != nil {
					return err
				}
				return fmt.Errorf("%s is taken: choose another first port: build/localnet --port %d", address, o.port+100)
			}
			return fmt.Errorf("%s is taken: does %s run already? Stop what listens there, change it in %s, or begin anew elsewhere: build/localnet --reset --port %d",
				address, o.dir, c.File(), o.port+100)
		}
	}
	return nil
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
			if ctx.Err() != nil {
				return nil // Ctrl-C
			}
			return err
		}
		c := p.Config
		t.AppendRow(table.Row{c.Moniker, "http://" + c.API.Laddr, c.RPC.Laddr, c.P2P.Laddr, c.Metrics.Laddr, p.Log})
	}
	t.Render()
	keys, api := filepath.Join(dir, "keys"), running[0].Config.API.Laddr
	fmt.Printf("\nAll %d are healthy. Keys of the founding members: %s (plain files: this network is for hands). Try:\n\n"+
		"  build/ledgerctl status --node http://%s\n"+
		"  build/ledgerctl trust init --genesis %s --file %s\n"+
		"  build/ledgerctl get chain --node http://%s --trust %s\n"+
		"  build/ledgerctl tx publish_fixing '{\"currency\":\"EUR\",\"day\":\"%s\",\"rate_e9\":\"7800000000\"}' \\\n"+
		"    --node http://%s --keys %s --key %s\n\n"+
		"Ctrl-C stops the nodes; what they hold is kept (--reset forgets it).\n",
		len(running), keys, api,
		running[0].Config.GenesisFile(), filepath.Join(dir, "trust.json"), api, filepath.Join(dir, "trust.json"),
		time.Now().UTC().Format(time.DateOnly), api, keys, client.KeyName("forex", testnet.KeyID(types.Role_FOREX)))
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

// open reads the homes of the last run, kept, or makes new ones.
func open(o *options) (configs []node.Config, kept bool, err error) {
	homes, err := filepath.Glob(filepath.Join(o.dir, "node*", "config", "ledgerd.toml"))
	if err != nil {
		return nil, false, err
	}
	if len(homes) == 0 {
		configs, err = create(o)
		return configs, false, err
	}
	if o.given["validators"] && o.validators != len(homes) {
		return nil, true, fmt.Errorf("%s holds a network of %d validators, not %d; --reset begins anew", o.dir, len(homes), o.validators)
	}
	for i := range homes {
		c, err := node.Load(filepath.Join(o.dir, fmt.Sprintf("node%d", i)), nil, nil)
		if err != nil {
			return nil, true, err
		}
		configs = append(configs, c)
	}
	if first := fmt.Sprintf("127.0.0.1:%d", o.port); o.given["port"] && configs[0].P2P.Laddr != first {
		return nil, true, fmt.Errorf("%s holds a network whose ports begin at %s, not %s; --reset begins anew", o.dir, configs[0].P2P.Laddr, first)
	}
	return configs, true, nil
}

// create makes a new network in a folder that is missing or empty.
func create(o *options) ([]node.Config, error) {
	if err := testnet.Forget(o.dir); err != nil {
		return nil, err
	}
	n, err := testnet.Make(testnet.Plan{
		Dir: o.dir, ChainID: "localnet", BaseCurrency: "CNY", DayOffsetS: 28800, Validators: o.validators, FirstPort: o.port,
		Notice: "A network for hands on one machine. Its institutions and keys are made up.", Seats: seats(),
	})
	if err != nil {
		return nil, err
	}
	return n.Configs, client.WriteKeys(filepath.Join(o.dir, "keys"), n.Keys)
}
