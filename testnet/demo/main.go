// Command demo is the ledger end to end on one machine: a network with one validator, members admitted by vote, real
// records loaded as signed transactions, subjects and consents on the chain, a bank that asks, and reports that prove
// themselves. sample/ORIGIN.md says what is real, what is assumed, and what is simulated.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"tradecredit/client"
	"tradecredit/testnet"
	"tradecredit/types"
)

const chainID = "demo"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx); err != nil && !(errors.Is(err, context.Canceled) && ctx.Err() != nil) {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// demo is one run.
type demo struct {
	dir    string
	began  time.Time
	net    *testnet.Network
	node   *testnet.Process
	client *client.Client
	trust  *client.Trust
	sample *sample
	salt   []byte // key of the salts of document commitments
	height int64  // of the newest block with something of ours
}

func run(ctx context.Context) (err error) {
	fmt.Println(types.SimulationNotice)
	d := &demo{dir: env("DEMO_DIR", ".demo"), began: time.Now()}
	if err := d.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.node.Stop()) }()
	d.say("one validator runs; its API is http://%s, its log %s", d.node.Config.API.Laddr, d.node.Log)
	if d.sample, err = readSample(int32(time.Now().Unix() / 86400)); err != nil {
		return err
	}
	if err := d.govern(ctx); err != nil {
		return fmt.Errorf("council: %w", err)
	}
	if err := d.register(ctx); err != nil {
		return fmt.Errorf("subjects: %w", err)
	}
	if err := d.load(ctx); err != nil {
		return fmt.Errorf("records: %w", err)
	}
	if err := d.ask(ctx); err != nil {
		return fmt.Errorf("credit: %w", err)
	}
	d.say("done in %.0f s", time.Since(d.began).Seconds())
	if os.Getenv("DEMO_EXIT") == "1" {
		return nil
	}
	fmt.Printf("\nThe API stays up on http://%s until Ctrl-C. Look around:\n"+
		"  build/ledgerctl get chain --node http://%[1]s --trust %[2]s\n"+
		"  build/ledgerctl entries XX:SCMSV:1 --node http://%[1]s --trust %[2]s\n", d.node.Config.API.Laddr, filepath.Join(d.dir, "trust.json"))
	select {
	case <-ctx.Done():
		fmt.Println("\nstopping …")
		return nil
	case <-d.node.Done():
		return fmt.Errorf("the node ended by itself; its log is %s", d.node.Log)
	}
}

// start makes the network anew and waits until its node is healthy.
func (d *demo) start(ctx context.Context) error {
	api := env("DEMO_API", "127.0.0.1:8080")
	if err := testnet.Free(api); err != nil {
		return fmt.Errorf("%s, where the API would be, is taken: stop what listens there, or choose another address: DEMO_API=127.0.0.1:8081 make demo", api)
	}
	ledgerd, err := testnet.Beside("ledgerd")
	if err != nil {
		return err
	}
	if err := testnet.Forget(d.dir); err != nil {
		return fmt.Errorf("%w: DEMO_DIR=<folder> make demo", err)
	}
	var seats []testnet.Seat
	for _, id := range councils {
		seats = append(seats, testnet.Seat{ID: id, Jurisdiction: "US", Roles: []types.Role{types.Role_COUNCIL}})
	}
	d.net, err = testnet.Make(testnet.Plan{
		Dir: d.dir, ChainID: chainID, BaseCurrency: "USD", Validators: 1, API: api,
		Notice: types.SimulationNotice, Seats: seats,
	})
	if err != nil {
		return err
	}
	if d.node, err = testnet.StartProcess(ledgerd, d.net.Configs[0]); err != nil {
		return err
	}
	ready, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := d.node.Ready(ready); err != nil {
		return errors.Join(err, d.node.Stop())
	}
	if err := d.connect(); err != nil {
		return errors.Join(err, d.node.Stop())
	}
	return nil
}

// connect pins the genesis and opens the client that believes only what it verifies.
func (d *demo) connect() (err error) {
	if d.trust, err = client.TrustFromGenesis(d.net.Genesis, time.Now(), client.DefaultTrustPeriod); err != nil {
		return err
	}
	if err := client.WriteTrust(filepath.Join(d.dir, "trust.json"), d.trust); err != nil {
		return err
	}
	d.client, err = client.New(client.Config{
		Endpoints: []string{"http://" + d.node.Config.API.Laddr}, ChainID: chainID, Trust: d.trust,
	})
	return err
}

// say prints one line with the time since the start.
func (d *demo) say(format string, args ...any) {
	fmt.Printf("%5.1fs  %s\n", time.Since(d.began).Seconds(), fmt.Sprintf(format, args...))
}

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}
