package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tradecredit/client"
)

func newTrust(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use: "trust", Short: "Pin the validators that everything is verified against",
		Long: "A trust file pins validators, and is written once, from a file that was checked. What is verified from it is kept beside it, in the trust " +
			"store, so that the pin moves forward with every read: a network that is asked now and then need not be pinned again.",
		Example: "  ledgerctl trust init --genesis genesis.json\n  ledgerctl trust show --trust trust.json\n" +
			"  ledgerctl trust check --trust trust.json --witness http://10.0.0.7:8080",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newTrustInit(o), newTrustShow(o), newTrustUpdate(o), newTrustCheck(o), newTrustEvidence(o))
	return cmd
}

func newTrustInit(o *options) *cobra.Command {
	var genesis, file string
	var period time.Duration
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Pin the validators of a genesis file",
		Long: "Pin the validators of a genesis file. Compare the file's SHA-256, which is printed, with what another member tells you on another way: " +
			"everything that is verified later rests on it.",
		Example: "  ledgerctl trust init --genesis genesis.json\n  ledgerctl trust init --genesis genesis.json --file trust.json --period 720h",
		Args:    exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if genesis == "" {
				return usagef("--genesis is needed")
			}
			data, err := readFile(genesis, "genesis")
			if err != nil {
				return err
			}
			t, err := client.TrustFromGenesis(data, time.Now(), period)
			if err != nil {
				return err
			}
			if o.trust = file; o.storePath() != "" { // what was verified under another pin is not silently given up
				if _, err := client.OpenTrustStore(o.storePath(), t); err != nil {
					return err
				}
			}
			if err := client.WriteTrust(file, t); err != nil {
				return err
			}
			sum := sha256.Sum256(data)
			if o.json() {
				return printJSON(cmd.OutOrStdout(), map[string]any{"file": file, "chain_id": t.ChainID, "validators": len(t.Validators), "genesis_sha256": fmt.Sprintf("%x", sum)})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s pins %d validators of %s\nSHA-256 of the genesis file: %x\ncompare it with what another member tells you\n", file, len(t.Validators), t.ChainID, sum)
			return err
		},
	}
	cmd.Flags().StringVar(&genesis, "genesis", "", "CometBFT genesis file of the network (needed)")
	cmd.Flags().StringVar(&file, "file", "trust.json", "trust file to write")
	cmd.Flags().DurationVar(&period, "period", client.DefaultTrustPeriod, "for how long the validators are believed; 0: without end")
	return cmd
}

// until says how long a pin is believed.
func until(t *client.Trust) string {
	if t.Period == 0 {
		return "without end"
	}
	text := t.Since.Add(t.Period).UTC().Format(time.RFC3339)
	if t.Expired(time.Now()) != nil {
		text += " (over: pin the validators anew)"
	}
	return text
}

func newTrustShow(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "Show a trust file and what was verified from it", Example: "  ledgerctl trust show --trust trust.json\n  ledgerctl trust show --trust trust.json -o json",
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := o.needTrust()
			if err != nil {
				return err
			}
			cfg, err := o.config(t)
			if err != nil {
				return err
			}
			newest, steps := t, []*client.Trust(nil)
			if cfg.Store != nil {
				steps = cfg.Store.Steps()
			}
			if len(steps) > 0 {
				newest = steps[len(steps)-1]
			}
			if o.json() {
				return printJSON(cmd.OutOrStdout(), map[string]any{"pinned": t, "newest": newest, "kept": len(steps), "store": o.storePath()})
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintf(w, "chain id\t%s\npinned\theight %d, believed until %s\n", t.ChainID, t.Height, until(t))
			if newest != t {
				fmt.Fprintf(w, "newest verified\theight %d of %s, believed until %s\n", newest.Height, newest.HeaderTime.UTC().Format(time.RFC3339), until(newest))
				fmt.Fprintf(w, "kept in\t%s, %d headers\n", o.storePath(), len(steps))
			}
			for _, v := range newest.Validators {
				fmt.Fprintf(w, "validator\t%x  power %d\n", v.PublicKey, v.Power)
			}
			return w.Flush()
		},
	}
}

func newTrustUpdate(o *options) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "update",
		Short: "Verify the newest header and keep it as the newest pin",
		Long: "Verify the newest header, by way of others where the validators changed, ask the witnesses for the same height, and keep it in the trust store. " +
			"Every read that is proved does the same; a network that is not read should be updated well within the period of trust.",
		Example: "  ledgerctl trust update --trust trust.json\n" +
			"  ledgerctl trust update --trust trust.json --node http://10.0.0.7:8080 --witness http://10.0.0.8:8080,http://10.0.0.9:8080\n" +
			"  ledgerctl trust update --trust trust.json --file newer.json    # a trust file of its own, for another machine",
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := o.needTrust()
			if err != nil {
				return err
			}
			c, err := o.client(t)
			if err != nil {
				return err
			}
			next, err := c.Advance(cmd.Context())
			if err != nil {
				return err
			}
			if err := c.Keep(); err != nil {
				return err
			}
			if file != "" {
				if err := client.WriteTrust(file, next); err != nil {
					return err
				}
			}
			if o.json() {
				return printJSON(cmd.OutOrStdout(), next)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "✓ header %d of %s (%s), %d validators; believed until %s\n", next.Height, next.ChainID,
				next.HeaderTime.UTC().Format(time.RFC3339), len(next.Validators), until(next))
			return err
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "also write a trust file that pins that header")
	return cmd
}

func newTrustCheck(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Ask several members' nodes for the same header and compare",
		Long: "Verify the newest header of the first node, and ask every other node and witness for the same height. At least two URLs are needed. A node that shows " +
			"another header which was signed as well ends it: the evidence is kept, and nothing is verified until a person has settled that.",
		Example: "  ledgerctl trust check --trust trust.json --node http://10.0.0.7:8080 --witness http://10.0.0.8:8080\n" +
			"  ledgerctl trust check --trust trust.json --node http://10.0.0.7:8080,http://10.0.0.8:8080",
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := o.needTrust()
			if err != nil {
				return err
			}
			o.nodes, o.witnesses = o.nodes[:1], append(o.nodes[1:], o.witnesses...)
			if len(o.witnesses) == 0 {
				return usagef("at least two URLs are needed to compare anything: --node and --witness of different members")
			}
			c, err := o.client(t)
			if err != nil {
				return err
			}
			header, said, err := c.Compare(cmd.Context())
			if len(said) == 0 || (err != nil && o.json()) {
				return err
			}
			return errors.Join(printTestimony(cmd, o, header, said), err)
		},
	}
}

// printTestimony lists what every node said; header is nil when it does not stand.
func printTestimony(cmd *cobra.Command, o *options, header *client.Trust, said []client.Testimony) error {
	if o.json() {
		var rows []map[string]any
		for _, s := range said {
			row := map[string]any{"witness": s.Witness, "confirms": s.Err == nil}
			if s.Err != nil {
				row["says"] = s.Err.Error()
			}
			rows = append(rows, row)
		}
		return printJSON(cmd.OutOrStdout(), map[string]any{"chain_id": header.ChainID, "height": header.Height, "witnesses": rows})
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	confirmed := 0
	for _, s := range said {
		if s.Err == nil {
			confirmed++
			fmt.Fprintf(w, "%s\tthe same header\n", s.Witness)
		} else {
			fmt.Fprintf(w, "%s\t%v\n", s.Witness, s.Err)
		}
	}
	if header != nil {
		fmt.Fprintf(w, "✓ header %d of %s (%s) is what %d of %d others show\n", header.Height, header.ChainID, header.HeaderTime.UTC().Format(time.RFC3339), confirmed, len(said))
	}
	return w.Flush()
}

func newTrustEvidence(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "evidence FILE",
		Short: "Check the evidence of two headers of one height, offline",
		Long: "Check the evidence that a conflict left beside a trust store: that both headers follow from the validators which your own trust file pins, and contradict " +
			"each other. Prints who signed both.",
		Example: "  ledgerctl trust evidence trust.json.store.conflict --trust trust.json",
		Args:    exactly(1, "the file of evidence"),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := o.needTrust()
			if err != nil {
				return err
			}
			if _, err := os.Stat(args[0]); err != nil {
				return err
			}
			e, err := client.ReadConflict(args[0])
			if err != nil {
				return err
			}
			both, err := e.Check(t)
			if err != nil {
				return err
			}
			if o.json() {
				return printJSON(cmd.OutOrStdout(), map[string]any{"conflict": e.Error(), "signed_both": both})
			}
			fmt.Fprintln(cmd.OutOrStdout(), e.Error())
			for _, address := range both {
				fmt.Fprintln(cmd.OutOrStdout(), "signed both:", address)
			}
			return nil
		},
	}
}
