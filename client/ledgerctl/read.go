package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tradecredit/client"
	"tradecredit/types"
)

func newGet(o *options) *cobra.Command {
	var height, minHeight int64
	var maxAge time.Duration
	cmd := &cobra.Command{
		Use:   "get KEY",
		Short: "Read one record, or its absence, and verify the proof",
		Long: "Read one record, or its absence, and verify the proof against the validators that --trust pins: the answer is about this key, on this chain, " +
			"at the height and of the age that is asked.\n\nKinds of keys: " + strings.Join(keyPrefixes(), " ") + "\nA record id is MEMBER/SOURCE-ID.",
		Example: "  ledgerctl get chain --trust trust.json\n" +
			"  ledgerctl get receivable/platform-1/R-88 --trust trust.json -o json\n" +
			"  ledgerctl get consent/platform-1/C-9 --trust trust.json   # proves that there is none",
		Args: exactly(1, "one key of the state"),
		RunE: func(cmd *cobra.Command, args []string) error {
			trust, err := o.needTrust()
			if err != nil {
				return err
			}
			c, err := o.client(trust)
			if err != nil {
				return err
			}
			proven, err := c.GetRaw(cmd.Context(), args[0], client.GetOptions{Height: height, MinHeight: minHeight, Patience: provableWait, MaxAge: maxAge})
			if err != nil {
				return err
			}
			return printProven(cmd, o, c.ChainID(), proven)
		},
	}
	cmd.Flags().Int64Var(&height, "height", 0, "state of that height; 0: the newest")
	cmd.Flags().Int64Var(&minHeight, "min-height", 0, "refuse an older state; waits a few seconds until it can be proved")
	cmd.Flags().DurationVar(&maxAge, "max-age", 0, "refuse an older header (default 2m for the newest state)")
	return cmd
}

func printProven(cmd *cobra.Command, o *options, chainID string, p *client.Proven) error {
	out := cmd.OutOrStdout()
	text, err := recordText(p)
	if err != nil {
		return err
	}
	if o.json() {
		return printJSON(out, map[string]any{"key": p.Key, "record": json.RawMessage(text), "absent": p.Value == nil, "proved": true, "chain_id": chainID,
			"height": p.Height, "header_time": p.Time.UTC().Format(time.RFC3339Nano), "app_hash": p.AppHash.String()})
	}
	what := "is absent"
	if p.Value != nil {
		indented, err := indentJSON(text)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, indented)
		what = "is as shown"
	}
	_, err = fmt.Fprintf(out, "✓ proved: %s %s at height %d of %s (header %d, %s)\n", p.Key, what, p.Height, chainID, p.Height+1, p.Time.UTC().Format(time.RFC3339))
	return err
}

func indentJSON(text []byte) (string, error) {
	var v json.RawMessage = text
	b, err := json.MarshalIndent(v, "", "  ")
	return string(b), err
}

func keyPrefixes() []string {
	var out []string
	for _, k := range types.Kinds {
		out = append(out, k.Prefix)
	}
	return out
}

// recordText is the record as JSON; null when it is absent.
func recordText(p *client.Proven) ([]byte, error) {
	if p.Value == nil {
		return []byte("null"), nil
	}
	if kind := types.KindOf(p.Key); kind != nil {
		r := kind.New()
		if err := r.Unmarshal(p.Value); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Key, err)
		}
		return client.EncodeMessage(r)
	}
	return json.Marshal(map[string]string{"bytes": fmt.Sprintf("%x", p.Value)})
}

func newStatus(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Ask a node how it is (its own word)", Example: "  ledgerctl status\n  ledgerctl status --node http://10.0.0.7:8080 -o json",
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.client(nil)
			if err != nil {
				return err
			}
			s, err := c.Status(cmd.Context())
			if err != nil {
				return err
			}
			if o.json() {
				return printJSON(cmd.OutOrStdout(), s)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, k := range []string{"chain_id", "moniker", "height", "block_time", "provable_height", "app_hash", "peers", "catching_up", "base_currency", "simulation", "notice"} {
				if v, ok := s[k]; ok && v != "" {
					if f, isNumber := v.(float64); isNumber {
						v = int64(f)
					}
					fmt.Fprintf(w, "%s\t%v\n", strings.ReplaceAll(k, "_", " "), v)
				}
			}
			if err := w.Flush(); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "(the node's own word; ledgerctl get proves records)")
			return err
		},
	}
}

func newVersion(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Example: "  ledgerctl version",
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.json() {
				return printJSON(cmd.OutOrStdout(), map[string]string{"version": types.Version})
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), types.Version)
			return err
		},
	}
}

// readFile is os.ReadFile with a sentence.
func readFile(path, what string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return data, nil
}
