package main

import (
	"crypto/sha256"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tradecredit/client"
)

func newTrust(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use: "trust", Short: "Pin the validators that everything is verified against",
		Example: "  ledgerctl trust init --genesis genesis.json\n  ledgerctl trust show --trust trust.json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newTrustInit(o), newTrustShow(o), newTrustAdvance(o))
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

func newTrustShow(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "Show a trust file", Example: "  ledgerctl trust show --trust trust.json",
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := o.needTrust()
			if err != nil {
				return err
			}
			if o.json() {
				return printJSON(cmd.OutOrStdout(), t)
			}
			until := "without end"
			if t.Period > 0 {
				until = t.Since.Add(t.Period).UTC().Format(time.RFC3339)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintf(w, "chain id\t%s\nheight\t%d\nbelieved until\t%s\n", t.ChainID, t.Height, until)
			for _, v := range t.Validators {
				fmt.Fprintf(w, "validator\t%x  power %d\n", v.PublicKey, v.Power)
			}
			return w.Flush()
		},
	}
}

func newTrustAdvance(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "advance",
		Short: "Verify the newest header and pin its validators instead",
		Long:  "Verify the newest header, by way of others where the validators changed, and write a trust file that pins it, in place of the one given. Do so well within its period.",
		Example: "  ledgerctl trust advance --trust trust.json\n" +
			"  ledgerctl trust advance --trust trust.json --node http://10.0.0.7:8080",
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
			if err := client.WriteTrust(o.trust, next); err != nil {
				return err
			}
			if o.json() {
				return printJSON(cmd.OutOrStdout(), next)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "✓ %s pins %d validators at height %d\n", o.trust, len(next.Validators), next.Height)
			return err
		},
	}
}
