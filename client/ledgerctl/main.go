package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"time"
	"tradecredit/client"
)

// Exit statuses.
const (
	exitDone  = 0
	exitFail  = 1
	exitUsage = 2
	exitOld   = 3 // a report that only trust of the past bears out
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program, for tests too.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	var said *saidError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &said): // the command has printed what there is to know
		return max(said.status, exitFail)
	}
	fmt.Fprintln(errs, "ledgerctl:", err)
	var usage *usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFail
}

// usageError is a command line that was not understood.
type usageError struct{ err error }

func (u *usageError) Error() string { return u.err.Error() }
func (u *usageError) Unwrap() error { return u.err }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// saidError ends the program after the outcome was printed, with status 1 unless it names another.
type saidError struct{ status int }

func (*saidError) Error() string { return "said" }

// options are the flags of every command.
type options struct {
	nodes        []string
	chainID      string
	trust        string
	trustStore   string
	trustPeriod  time.Duration
	witnesses    []string
	keys         string
	passphraseFD string
	output       string

	opened []*client.Client // by this command, with trust
}

// newRoot builds the command tree anew, so that nothing is left over from a run before.
func newRoot() *cobra.Command {
	o := &options{}
	root := &cobra.Command{
		Use:   "ledgerctl",
		Short: "Sign, submit, import, read with proof, and verify reports of the trade credit ledger",
		Example: "  ledgerctl keys add bank-a --holder bank-a --key-id bank\n" +
			"  ledgerctl trust init --genesis genesis.json\n" +
			"  ledgerctl tx record_order --help\n" +
			"  ledgerctl get chain --trust trust.json\n" +
			"  ledgerctl verify report.tcr --trust trust.json",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	f := root.PersistentFlags()
	f.StringSliceVar(&o.nodes, "node", fromEnv("LEDGERCTL_NODE", "http://127.0.0.1:8080"), "base URLs of nodes, tried in turn (env LEDGERCTL_NODE)")
	f.StringVar(&o.chainID, "chain-id", os.Getenv("LEDGERCTL_CHAIN_ID"), "network; taken from the trust file when left out (env LEDGERCTL_CHAIN_ID)")
	f.StringVar(&o.trust, "trust", os.Getenv("LEDGERCTL_TRUST"), "trust file that pins the validators (env LEDGERCTL_TRUST)")
	f.StringVar(&o.trustStore, "trust-store", os.Getenv("LEDGERCTL_TRUST_STORE"), "file that keeps what was verified; none: nothing is kept (default: the trust file's name and .store; env LEDGERCTL_TRUST_STORE)")
	f.DurationVar(&o.trustPeriod, "trust-period", 0, "for how long a verified header is believed, where the trust file allows longer; 0: as it says")
	f.StringSliceVar(&o.witnesses, "witness", listFromEnv("LEDGERCTL_WITNESS"), "base URLs of other members' nodes: one at least must show each header that is used, and none another (env LEDGERCTL_WITNESS)")
	f.StringVar(&o.keys, "keys", defaultKeys(), "folder of key files (env LEDGERCTL_KEYS)")
	f.StringVar(&o.passphraseFD, "passphrase-fd", "", "number of the file descriptor with the passphrase (or env "+client.PassphraseVariable+", or the terminal)")
	f.StringVarP(&o.output, "output", "o", "human", "human or json")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(newTx(o), newGet(o), newList(o), newEntries(o), newReport(o), newVerify(o), newImport(o), newKeys(o), newTrust(o), newDocuments(o), newParcels(o), newFingerprints(o), newCodes(o), newQuery(o), newStatus(o), newVersion(o))
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if o.output != "human" && o.output != "json" {
			return usagef("--output is human or json, not %q", o.output)
		}
		return nil
	}
	root.PersistentPostRun = func(cmd *cobra.Command, _ []string) {
		for _, c := range o.opened {
			if err := c.Keep(); err != nil { // the answer is proved all the same
				fmt.Fprintln(cmd.ErrOrStderr(), "ledgerctl: what was verified could not be kept:", err)
			}
		}
	}
	return root
}

func fromEnv(name, otherwise string) []string {
	if v := os.Getenv(name); v != "" {
		return []string{v}
	}
	return []string{otherwise}
}

func listFromEnv(name string) []string {
	if v := os.Getenv(name); v != "" {
		return strings.Split(v, ",")
	}
	return nil
}

func defaultKeys() string {
	if v := os.Getenv("LEDGERCTL_KEYS"); v != "" {
		return v
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "keys"
	}
	return filepath.Join(home, ".tradecredit", "keys")
}

// exactly wants n arguments and says which.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usagef("%s wants %s; see %s --help", cmd.CommandPath(), what, cmd.CommandPath())
		}
		return nil
	}
}

// json tells whether the output is for programs.
func (o *options) json() bool { return o.output == "json" }

// print writes one JSON object.
func printJSON(w io.Writer, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, string(text))
	return err
}

// readTrust reads the trust file; nil without one.
func (o *options) readTrust() (*client.Trust, error) {
	if o.trust == "" {
		return nil, nil
	}
	return client.ReadTrust(o.trust)
}

// needTrust is readTrust for commands that verify.
func (o *options) needTrust() (*client.Trust, error) {
	t, err := o.readTrust()
	if err == nil && t == nil {
		err = usagef("--trust is needed: nothing can be verified without it; make one with: ledgerctl trust init --genesis genesis.json")
	}
	return t, err
}

// noStore is the trust store's name when nothing is to be kept.
const noStore = "none"

// storePath is the trust store beside the trust file; empty without one.
func (o *options) storePath() string {
	switch o.trustStore {
	case "":
		return o.trust + ".store"
	case noStore:
		return ""
	}
	return o.trustStore
}

// config is what the flags say about nodes and trust.
func (o *options) config(trust *client.Trust) (client.Config, error) {
	cfg := client.Config{Endpoints: o.nodes, ChainID: o.chainID, Trust: trust, TrustPeriod: o.trustPeriod, Witnesses: o.witnesses, RetryFor: patience}
	if trust == nil || o.storePath() == "" {
		return cfg, nil
	}
	var err error
	cfg.Store, err = client.OpenTrustStore(o.storePath(), trust)
	return cfg, err
}

// pins are the trust file's pin, which is needed, and the headers that were verified from it, the newest first.
func (o *options) pins() ([]*client.Trust, error) {
	trust, err := o.needTrust()
	if err != nil {
		return nil, err
	}
	cfg, err := o.config(trust)
	if err != nil {
		return nil, err
	}
	out := []*client.Trust{trust}
	if cfg.Store != nil {
		steps := cfg.Store.Steps()
		slices.Reverse(steps)
		out = append(out, steps...)
	}
	return out, nil
}

// client connects to the nodes; nothing is asked yet. With trust, what it verifies is kept when the command is done.
func (o *options) client(trust *client.Trust) (*client.Client, error) {
	cfg, err := o.config(trust)
	if err != nil {
		return nil, err
	}
	c, err := client.New(cfg)
	if err == nil && trust != nil {
		o.opened = append(o.opened, c)
	}
	return c, err
}

// patience is how long a command keeps asking nodes that do not answer; provableWait how long a read waits for a height that
// is final to become provable, which takes the next block.
const (
	patience     = 5 * time.Second
	provableWait = 10 * time.Second
)

// signingClient is a client that knows its network. Without --chain-id and --trust the node is asked, if it runs on this
// machine: a strange node could have one sign for another network than one thinks.
func (o *options) signingClient(ctx context.Context) (*client.Client, error) {
	trust, err := o.readTrust()
	if err != nil {
		return nil, err
	}
	c, err := o.client(trust)
	if err != nil || c.ChainID() != "" {
		return c, err
	}
	if !loopback(o.nodes) {
		return nil, usagef("--chain-id or --trust is needed: what is signed names its network, and only a node on this machine is believed about it")
	}
	status, err := c.Status(ctx)
	if err != nil {
		return nil, err
	}
	id, _ := status["chain_id"].(string)
	if id == "" {
		return nil, usagef("the node does not say its chain id; give --chain-id")
	}
	return client.New(client.Config{Endpoints: o.nodes, ChainID: id, RetryFor: patience})
}

func loopback(nodes []string) bool {
	for _, n := range nodes {
		u, err := url.Parse(n)
		if err != nil {
			return false
		}
		if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}
