package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"tradecredit/client"
	"tradecredit/client/verifier"
	"tradecredit/types"
)

func newReport(o *options) *cobra.Command {
	var file, key, salt, purpose, grantee, entries string
	var objects, documents []string
	cmd := &cobra.Command{
		Use:   "report RECEIPT",
		Short: "Write the report file of a credit query, or renew one",
		Long: "Write the report file of a credit query: the receipt with everything needed to verify it without a network, all entries of the enterprise's log and the " +
			"rows that were scored. The receipt's commitment is opened with --purpose and the salt of the query: --key derives it when ledgerctl made the query, else give --salt.\n\n" +
			"--object adds whether something is pledged at the report's height, with the proof of its lock or of its absence; --document adds what verifiers said of a document.",
		Example: "  ledgerctl report bank-a/Q-1 -o report.tcr --purpose CREDIT_GRANT --key bank-a --trust trust.json\n" +
			"  ledgerctl report bank-a/Q-1 -o report.tcr --purpose CREDIT_GRANT --key bank-a --object receivable/platform/R-1 --entries 500 --trust trust.json\n" +
			"  ledgerctl verify report.tcr --trust trust.json\n" +
			"  ledgerctl report renew report.tcr --trust trust.json",
		Args: exactly(1, "the record id of a receipt, MEMBER/SOURCE-ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			open, err := o.opening(args[0], key, salt, purpose, grantee)
			if err != nil {
				return err
			}
			opts := client.ReportOptions{Opening: *open, Objects: objects, Documents: documents}
			if opts.Entries, err = entryRange(entries); err != nil {
				return err
			}
			c, err := o.reportClient()
			if err != nil {
				return err
			}
			r, err := c.MakeReport(cmd.Context(), args[0], opts)
			if err != nil {
				return err
			}
			return o.writeReport(cmd.OutOrStdout(), file, r)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&file, "output", "o", "report.tcr", "file to write")
	f.StringVar(&purpose, "purpose", "", "purpose of the query: "+strings.Join(client.EnumNames("tradecredit.v1.Purpose"), ", ")+" (needed)")
	f.StringVar(&salt, "salt", "", "salt of the query, hexadecimal")
	f.StringVar(&key, "key", "", "key that signed the query, to derive the salt from")
	f.StringVar(&grantee, "grantee", "", "who asked (default: the member in the receipt's id)")
	f.StringVar(&entries, "entries", "all", "entries of the enterprise's log: all, none, or how many of the last")
	f.StringArrayVar(&objects, "object", nil, "state key of something that can be financed, receivable/ID, declaration/ID or transferable/ID; may be repeated")
	f.StringArrayVar(&documents, "document", nil, "record id of a document; may be repeated")
	cmd.AddCommand(newReportRenew(o))
	return cmd
}

func newReportRenew(o *options) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "renew FILE",
		Short: "Prove an old report anew under the newest header",
		Long: "Prove an old report anew under the newest header, by the log of block hashes that the state keeps. What the report says stays as it was, of its own day; " +
			"its signatures need not be trusted any more. Renew within the trust period of the last renewal or later, as long as the network lives.",
		Example: "  ledgerctl report renew report.tcr --trust trust.json\n" +
			"  ledgerctl report renew filed-2025.tcr -o filed-2025-renewed.tcr --trust trust.json",
		Args: exactly(1, "a report file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			old, err := client.ReadReportFile(args[0])
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			c, err := o.reportClient()
			if err != nil {
				return err
			}
			r, err := c.RenewReport(cmd.Context(), old)
			if err != nil {
				return err
			}
			if file == "" {
				file = args[0]
			}
			return o.writeReport(cmd.OutOrStdout(), file, r)
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "", "file to write (default: the old one, in place)")
	return cmd
}

// reportClient is a client that can prove what it reads.
func (o *options) reportClient() (*client.Client, error) {
	trust, err := o.needTrust()
	if err != nil {
		return nil, err
	}
	return o.client(trust)
}

// writeReport writes a report and says how to verify it.
func (o *options) writeReport(w io.Writer, file string, r *verifier.Report) error {
	if err := client.WriteReportFile(file, r); err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	lb, err := verifier.DecodeLightBlock(r.LightBlock)
	if err != nil {
		return err
	}
	entries, allow := 0, ""
	if r.Entries != nil {
		entries = len(r.Entries.Rows)
	}
	chain := new(types.Chain)
	for _, rec := range r.State.Records {
		if rec.Key == string(types.ChainKey) {
			if err := chain.Unmarshal(rec.Value); err != nil {
				return err
			}
		}
	}
	if chain.Simulation {
		allow = " --allow-simulation"
	}
	_, err = fmt.Fprintf(w, "✓ %s: receipt %s, proved at height %d, %d entries, %d bytes\nverify it with: ledgerctl verify %s --trust %s%s\n",
		file, r.ReceiptID, lb.Height-1, entries, info.Size(), file, o.trust, allow)
	return err
}

// entryRange reads "all", "none" or a number.
func entryRange(s string) (e client.EntryRange, err error) {
	switch s {
	case "all":
	case "none":
		e.None = true
	default:
		if e.Last, err = strconv.ParseUint(s, 10, 32); err != nil || e.Last == 0 {
			return e, usagef("--entries is all, none, or a number like 500")
		}
	}
	return e, nil
}

// opening collects what opens a receipt's commitment.
func (o *options) opening(receipt, key, salt, purpose, grantee string) (*verifier.Opening, error) {
	signer, _, ok := types.SplitRecordID(receipt)
	if !ok {
		return nil, usagef("%q is no record id MEMBER/SOURCE-ID", receipt)
	}
	p, ok := types.Purpose_value[purpose]
	if !ok || p == 0 {
		return nil, usagef("--purpose is one of %s", strings.Join(client.EnumNames("tradecredit.v1.Purpose"), ", "))
	}
	out := &verifier.Opening{Grantee: signer, Purpose: types.Purpose(p)}
	if grantee != "" {
		out.Grantee = grantee
	}
	switch {
	case salt != "":
		b, err := hex.DecodeString(salt)
		if err != nil || len(b) != types.SaltSize {
			return nil, usagef("--salt is %d bytes in hexadecimal", types.SaltSize)
		}
		out.Salt = b
	case key != "":
		s, err := o.signer(key, "")
		if err != nil {
			return nil, err
		}
		out.Salt = client.ReceiptSalt(s.Key, receipt)
	default:
		return nil, usagef("--salt or --key is needed to open the receipt's commitment")
	}
	return out, nil
}
