package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tradecredit/client"
	"tradecredit/types"
)

func newReport(o *options) *cobra.Command {
	var file, key, salt, purpose, grantee string
	cmd := &cobra.Command{
		Use:   "report RECEIPT",
		Short: "Write the report file of a credit query",
		Long: "Write the report file of a credit query: the receipt with everything needed to verify it without a network. The receipt's commitment is opened with " +
			"--purpose and the salt of the query: --key derives it when ledgerctl made the query, else give --salt.",
		Example: "  ledgerctl report bank-a/Q-1 -o report.tcr --purpose CREDIT_GRANT --key bank-a --trust trust.json\n" +
			"  ledgerctl verify report.tcr --trust trust.json",
		Args: exactly(1, "the record id of a receipt, MEMBER/SOURCE-ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			open, err := o.opening(args[0], key, salt, purpose, grantee)
			if err != nil {
				return err
			}
			trust, err := o.needTrust()
			if err != nil {
				return err
			}
			c, err := o.client(trust)
			if err != nil {
				return err
			}
			r, err := c.MakeReport(cmd.Context(), args[0], *open)
			if err != nil {
				return err
			}
			if err := client.WriteReportFile(file, r); err != nil {
				return err
			}
			info, err := os.Stat(file)
			if err != nil {
				return err
			}
			chain := new(types.Chain)
			if err := chain.Unmarshal(r.Chain); err != nil {
				return err
			}
			allow := ""
			if chain.Simulation {
				allow = " --allow-simulation"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "✓ %s: receipt %s, proved at height %d, %d bytes\nverify it with: ledgerctl verify %s --trust %s%s\n",
				file, args[0], r.Height, info.Size(), file, o.trust, allow)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVarP(&file, "output", "o", "report.tcr", "file to write")
	f.StringVar(&purpose, "purpose", "", "purpose of the query: "+strings.Join(client.EnumNames("tradecredit.v1.Purpose"), ", ")+" (needed)")
	f.StringVar(&salt, "salt", "", "salt of the query, hexadecimal")
	f.StringVar(&key, "key", "", "key that signed the query, to derive the salt from")
	f.StringVar(&grantee, "grantee", "", "who asked (default: the member in the receipt's id)")
	return cmd
}

// opening collects what opens a receipt's commitment.
func (o *options) opening(receipt, key, salt, purpose, grantee string) (*client.Opening, error) {
	signer, _, ok := types.SplitRecordID(receipt)
	if !ok {
		return nil, usagef("%q is no record id MEMBER/SOURCE-ID", receipt)
	}
	p, ok := types.Purpose_value[purpose]
	if !ok || p == 0 {
		return nil, usagef("--purpose is one of %s", strings.Join(client.EnumNames("tradecredit.v1.Purpose"), ", "))
	}
	out := &client.Opening{Grantee: signer, Purpose: types.Purpose(p)}
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

func newVerify(o *options) *cobra.Command {
	var simulation, asJSON bool
	var lang, asOf, subject, grantee string
	var maxAge time.Duration
	cmd := &cobra.Command{
		Use:   "verify [report] FILE",
		Short: "Verify a report file without a network, and print it",
		Long: "Verify a report file without a network, and print it on one page. Exit status 0 means verified; 1 means that the file proves nothing.\n\n" +
			"The validators come from --trust. Check that file on another way than the one on which the report came.",
		Example: "  ledgerctl verify report.tcr --trust trust.json\n" +
			"  ledgerctl verify report report.tcr --trust trust.json --lang zh\n" +
			"  ledgerctl verify .demo/report.tcr --trust .demo/trust.json --allow-simulation --json\n" +
			"  ledgerctl verify filed.tcr --trust trust-of-2025.json --as-of 2025-11-30",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 || (len(args) == 2 && args[0] == "report") {
				return nil
			}
			return usagef("%s wants a report file", cmd.CommandPath())
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			opts := client.VerifyOptions{Now: time.Now(), AllowSimulation: simulation, MaxAge: maxAge, Subject: subject, Grantee: grantee}
			if asOf != "" {
				day, err := time.Parse(time.DateOnly, asOf)
				if err != nil {
					return usagef("--as-of is a day like 2025-11-30")
				}
				opts.Now = day.Add(24*time.Hour - time.Second)
			}
			if _, ok := map[string]bool{"en": true, "zh": true}[lang]; !ok {
				return usagef("--lang is en or zh, not %q", lang)
			}
			trust, err := o.needTrust()
			if err != nil {
				return err
			}
			return verifyFile(cmd, args[len(args)-1], trust, opts, asJSON || o.json(), client.Language(lang))
		},
	}
	f := cmd.Flags()
	f.BoolVar(&simulation, "allow-simulation", false, "accept the report of a simulated network")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	f.StringVar(&lang, "lang", defaultLanguage(), "language of the page: en or zh")
	f.StringVar(&asOf, "as-of", "", "judge the age of trust and report on that day, as when it was filed")
	f.StringVar(&subject, "subject", "", "refuse a report about another enterprise")
	f.StringVar(&grantee, "grantee", "", "refuse a report given to another member")
	f.DurationVar(&maxAge, "max-age", 0, "refuse an older report")
	return cmd
}

// defaultLanguage follows the environment.
func defaultLanguage() string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			if strings.HasPrefix(v, "zh") {
				return "zh"
			}
			return "en"
		}
	}
	return "en"
}

func verifyFile(cmd *cobra.Command, path string, trust *client.Trust, opts client.VerifyOptions, asJSON bool, lang client.Language) error {
	r, err := client.ReadReportFile(path)
	var v *client.Verdict
	if err == nil {
		v, err = client.Verify(r, trust, opts)
	}
	if err != nil {
		hint := ""
		if errors.Is(err, client.ErrReportSimulation) {
			hint = " (--allow-simulation shows it all the same)"
		}
		if asJSON {
			if err := printJSON(cmd.OutOrStdout(), map[string]any{"verified": false, "error": err.Error()}); err != nil {
				return err
			}
			return &saidError{}
		}
		return fmt.Errorf("NOT VERIFIED: %s: %w%s", path, err, hint)
	}
	if asJSON {
		return printVerdict(cmd, v)
	}
	return client.WritePage(cmd.OutOrStdout(), v, lang)
}

// printVerdict prints a verified report for programs.
func printVerdict(cmd *cobra.Command, v *client.Verdict) error {
	receipt, err := client.EncodeMessage(v.Receipt)
	if err != nil {
		return err
	}
	return printJSON(cmd.OutOrStdout(), map[string]any{
		"verified": true, "chain_id": v.ChainID, "height": v.Height, "header_time": v.HeaderTime.Format(time.RFC3339Nano), "app_hash": v.AppHash.String(),
		"simulation": v.Simulation, "notice": v.Notice, "base_currency": v.BaseCurrency, "grantee": v.Grantee, "purpose": v.Purpose.String(),
		"receipt": json.RawMessage(receipt), "model_calibrated": v.Model.Calibrated, "validators": v.Validators, "validators_signed": v.Signed,
		"power_signed_bp": v.SignedBp, "not_proved": v.NotProved(),
	})
}
