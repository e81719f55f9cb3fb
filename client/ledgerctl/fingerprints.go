package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"tradecredit/client"
	"tradecredit/types"
)

// paperJSON is a paper as it is written for 'fingerprints'.
type paperJSON struct {
	Seller            string `json:"seller"`
	Debtor            string `json:"debtor"`
	Type              string `json:"type"`
	Number            string `json:"number"`
	IssueDay          string `json:"issue_day"`
	Currency          string `json:"currency"`
	AmountMinor       int64  `json:"amount_minor"`
	Carrier           string `json:"carrier"`
	TransportDocument string `json:"transport_document"`
	Declaration       string `json:"declaration"`
	TaxInvoice        string `json:"tax_invoice"`
}

func newFingerprints(o *options) *cobra.Command {
	var keyFile string
	var epoch uint32
	var check bool
	cmd := &cobra.Command{
		Use:   "fingerprints PAPER",
		Short: "Make the duplicate fingerprints of a paper under the consortium key of an epoch",
		Long: "Make the fingerprints F1 to F6 that issue_receivable and issue_transferable carry once an epoch is open. The consortium key is a file of 64 hexadecimal digits " +
			"that only its owner can read; it never leaves the gateway, and neither does the paper. --check prints what the council opened the epoch with, to compare keys.",
		Example: "  ledgerctl fingerprints '{\"seller\":\"USCC:91350100M000100Y43\",\"debtor\":\"DE:HRB:1\",\"type\":\"380\",\"number\":\"INV-88\",\"issue_day\":\"2025-11-05\",\"currency\":\"USD\",\"amount_minor\":1250000}' --key-file epoch-1.key --epoch 1\n" +
			"  ledgerctl fingerprints --key-file epoch-1.key --check",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if keyFile == "" {
				return usagef("--key-file is needed: the consortium key, which 'ledgerctl keys salt FILE' makes the like of")
			}
			key, err := client.ReadSaltKey(keyFile)
			if err != nil {
				return err
			}
			if check {
				return printJSON(cmd.OutOrStdout(), map[string]string{"key_check": hex.EncodeToString(client.EpochCheck(key))})
			}
			if len(args) != 1 || epoch == 0 {
				return usagef("a paper and --epoch are needed; see ledgerctl fingerprints --help")
			}
			paper, err := readPaper(args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			return printFingerprints(cmd, paper.Fingerprints(key, epoch))
		},
	}
	cmd.Flags().StringVar(&keyFile, "key-file", "", "file of the consortium key (needed)")
	cmd.Flags().Uint32Var(&epoch, "epoch", 0, "number of the epoch")
	cmd.Flags().BoolVar(&check, "check", false, "print the key's check value only")
	return cmd
}

// readPaper reads a paper from an argument, @FILE, or - for the standard input, strictly.
func readPaper(arg string, in io.Reader) (*client.Paper, error) {
	text, err := argument(arg, in)
	if err != nil {
		return nil, err
	}
	var p paperJSON
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return nil, usagef("the paper: %v", err)
	}
	day, err := types.ParseDay(p.IssueDay)
	if err != nil {
		return nil, usagef("issue_day: %v", err)
	}
	if p.Seller == "" || p.Debtor == "" || client.NormaliseNumber(p.Number) == "" {
		return nil, usagef("seller, debtor and number are needed")
	}
	if err := types.CheckAmount(p.AmountMinor); err != nil {
		return nil, usagef("amount_minor: %v", err)
	}
	if err := types.CheckCurrency(p.Currency); err != nil {
		return nil, usagef("currency: %v", err)
	}
	return &client.Paper{
		Seller: p.Seller, Debtor: p.Debtor, Type: p.Type, Number: p.Number, IssueDay: day, Currency: p.Currency, AmountMinor: p.AmountMinor,
		Carrier: p.Carrier, TransportDocument: p.TransportDocument, Declaration: p.Declaration, TaxInvoice: p.TaxInvoice,
	}, nil
}

// printFingerprints writes them as a message's field wants them.
func printFingerprints(cmd *cobra.Command, f *types.Fingerprints) error {
	text, err := client.EncodeMessage(f)
	if err != nil {
		return err
	}
	indented, err := indentJSON(text)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), indented)
	return err
}
