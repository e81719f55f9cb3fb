package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tradecredit/client"
	"tradecredit/client/verifier"
	"tradecredit/types"
)

func newVerify(o *options) *cobra.Command {
	var asJSON, entries bool
	var lang, asOf string
	var opts verifier.Options
	cmd := &cobra.Command{
		Use:   "verify [report] FILE",
		Short: "Verify a report file without a network, and print it",
		Long: "Verify a report file without a network, compute its score anew, and print it on one page. The page says FRESH; RE-ANCHORED, for a report that was renewed; or OLD TRUST ONLY, " +
			"when the trust period is over: then its signatures prove nothing any more by themselves.\n\n" +
			"Exit status 0 means verified, fresh or re-anchored; 1 that the file proves nothing; 3 old trust only.\n\n" +
			"The validators come from --trust. Check that file on another way than the one on which the report came. Headers that were verified from it since, " +
			"which are kept beside it, count as well.",
		Example: "  ledgerctl verify report.tcr --trust trust.json\n" +
			"  ledgerctl verify report report.tcr --trust trust.json --lang zh\n" +
			"  ledgerctl verify .demo/report.tcr --trust .demo/trust.json --allow-simulation --json\n" +
			"  ledgerctl verify filed.tcr --trust trust-of-2025.json --as-of 2025-11-30\n" +
			"  ledgerctl verify report.tcr --trust trust.json --max-age 24h --trust-period 720h --chain-id trade-1",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 || (len(args) == 2 && args[0] == "report") {
				return nil
			}
			return usagef("%s wants a report file", cmd.CommandPath())
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Now, opts.ChainID = time.Now(), o.chainID
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
			pins, err := o.pins()
			if err != nil {
				return err
			}
			p := printer{asJSON: asJSON || o.json(), entries: entries, lang: verifier.Language(lang)}
			return verifyFile(cmd, args[len(args)-1], pins, opts, p)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&opts.AllowSimulation, "allow-simulation", false, "accept the report of a simulated network")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	f.BoolVar(&entries, "entries", false, "list the entries after the page")
	f.StringVar(&lang, "lang", defaultLanguage(), "language of the page: en or zh")
	f.StringVar(&asOf, "as-of", "", "judge the age of trust and report on that day, as when it was filed")
	f.StringVar(&opts.Subject, "subject", "", "refuse a report about another enterprise")
	f.StringVar(&opts.Grantee, "grantee", "", "refuse a report given to another member")
	f.DurationVar(&opts.MaxAge, "max-age", 0, "refuse a report whose state is older")
	f.DurationVar(&opts.TrustPeriod, "trust-period", 0, "for how long signatures prove anything, instead of the trust file's own period")
	return cmd
}

// printer says how a verified report is printed.
type printer struct {
	asJSON, entries bool
	lang            verifier.Language
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

// verifyByAny verifies a report from the pin of the trust file or, where that is too old to bear it out, from headers that
// were verified since.
func verifyByAny(r *verifier.Report, pins []*client.Trust, opts verifier.Options) (*verifier.Verdict, error) {
	first, refused := verifier.Verify(r, pins[0], opts)
	if refused == nil && first.Standing != verifier.OldTrustOnly {
		return first, nil
	}
	for _, pin := range pins[1:] {
		if v, err := verifier.Verify(r, pin, opts); err == nil && v.Standing != verifier.OldTrustOnly {
			return v, nil
		}
	}
	return first, refused
}

func verifyFile(cmd *cobra.Command, path string, pins []*client.Trust, opts verifier.Options, p printer) error {
	r, err := client.ReadReportFile(path)
	var v *verifier.Verdict
	if err == nil {
		v, err = verifyByAny(r, pins, opts)
	}
	if err != nil {
		return p.refuse(cmd, path, err)
	}
	if err := p.print(cmd, v); err != nil {
		return err
	}
	if v.Standing == verifier.OldTrustOnly {
		return &saidError{exitOld}
	}
	return nil
}

// refuse says why a report is not verified.
func (p printer) refuse(cmd *cobra.Command, path string, err error) error {
	if p.asJSON {
		if err := printJSON(cmd.OutOrStdout(), map[string]any{"verified": false, "error": err.Error()}); err != nil {
			return err
		}
		return &saidError{}
	}
	simulated := errors.Is(err, verifier.ErrReportSimulation)
	if p.lang == verifier.Chinese {
		hint := ""
		if simulated {
			hint = "；加 --allow-simulation 可照样显示"
		}
		return fmt.Errorf("未通过核验：%s：%s%s", path, verifier.Explain(err, p.lang), hint)
	}
	hint := ""
	if simulated {
		hint = " (--allow-simulation shows it all the same)"
	}
	return fmt.Errorf("NOT VERIFIED: %s: %s%s", path, verifier.Explain(err, p.lang), hint)
}

func (p printer) print(cmd *cobra.Command, v *verifier.Verdict) error {
	if p.asJSON {
		return p.printVerdict(cmd, v)
	}
	if err := verifier.WritePage(cmd.OutOrStdout(), v, p.lang); err != nil || !p.entries || v.Entries == nil {
		return err
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nNO\tDAY\tKIND\tBASE AMOUNT\tCOUNTERPARTY\tRECORD")
	for i, e := range v.Entries.Rows {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", v.Entries.First+uint64(i), types.FormatDay(e.Day), strings.TrimPrefix(e.Kind.String(), "ENTRY_"),
			types.FormatAmount(e.BaseMinor, v.BaseCurrency), e.Counterparty, e.Record)
	}
	return w.Flush()
}

// standings are the words of programs.
var standings = map[verifier.Standing]string{verifier.Fresh: "fresh", verifier.Reanchored: "re-anchored", verifier.OldTrustOnly: "old-trust-only"}

// printVerdict prints a verified report for programs.
func (p printer) printVerdict(cmd *cobra.Command, v *verifier.Verdict) error {
	receipt, err := client.EncodeMessage(v.Receipt)
	if err != nil {
		return err
	}
	out := map[string]any{
		"verified": v.Standing != verifier.OldTrustOnly, "standing": standings[v.Standing], "judged_at": v.Judged.Format(time.RFC3339),
		"chain_id": v.ChainID, "height": v.Height, "header_time": v.HeaderTime.Format(time.RFC3339Nano), "app_hash": v.AppHash.String(),
		"simulation": v.Simulation, "notice": v.Notice, "base_currency": v.BaseCurrency, "grantee": v.Grantee, "purpose": v.Purpose.String(),
		"receipt": json.RawMessage(receipt), "model_calibrated": v.Model.Calibrated, "validators": v.Validators, "validators_signed": v.Signed,
		"power_signed_bp": v.SignedBp, "headers_between": v.Hops, "score_recomputed": v.Recomputed, "input_rows": v.Inputs, "not_proved": v.NotProved(),
	}
	if !v.Until.IsZero() {
		out["believed_until"] = v.Until.Format(time.RFC3339)
	}
	if v.AnchorHeight > 0 {
		out["anchor_height"], out["anchor_time"] = v.AnchorHeight, v.AnchorTime.Format(time.RFC3339Nano)
	}
	if e := v.Entries; e != nil {
		out["entries"] = map[string]any{"first": e.First, "count": e.Count, "total": e.Total, "complete": e.Complete(), "scored": e.Scored, "sums_checked": e.SumsChecked}
		if p.entries {
			var rows []json.RawMessage
			for _, row := range e.Rows {
				text, err := client.EncodeMessage(row)
				if err != nil {
					return err
				}
				rows = append(rows, json.RawMessage(text))
			}
			out["rows"] = rows
		}
	}
	if len(v.Objects) > 0 {
		out["objects"] = v.Objects
	}
	if len(v.Documents) > 0 {
		out["documents"] = v.Documents
	}
	return printJSON(cmd.OutOrStdout(), out)
}
