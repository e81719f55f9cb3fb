package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tradecredit/client"
	"tradecredit/types"
)

// txFlags are the flags of every message.
type txFlags struct {
	key, signer, onBehalfOf, reference, system, jurisdiction string
	wait, validFor                                           time.Duration
	atomic, dryRun, simulated                                bool
}

func newTx(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tx MESSAGE JSON",
		Short: "Sign one message and make it final",
		Long:  "Sign one message and make it final. There is a subcommand for every message of the ledger; its --help lists fields, who may sign it and an example.\n\n" + tableText(),
		Example: "  ledgerctl tx confirm_enterprise '{\"subject\":\"USCC:91350100M000100Y43\"}' --key bank-b\n" +
			"  ledgerctl tx record_order @order.json --key platform --dry-run\n" +
			"  ledgerctl tx record_order --help",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			_, err := client.DecodeMessage(args[0], []byte("{}"))
			return &usageError{err}
		},
	}
	for i := range types.Table {
		cmd.AddCommand(newMessage(o, &types.Table[i]))
	}
	return cmd
}

// tableText is the table of messages for the help.
func tableText() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "Message\tWho may sign")
	for i := range types.Table {
		fmt.Fprintf(w, "%s\t%s\n", types.Table[i].Name, strings.Join(signers(&types.Table[i]), ", "))
	}
	w.Flush()
	return b.String()
}

// signers lists who may sign a message, in few words.
func signers(row *types.MessageRow) []string {
	var out []string
	for _, p := range row.Permissions {
		s := p.Role.String()
		if p.Relation == types.ByMandate {
			s += " (by mandate)"
		}
		out = append(out, s)
	}
	if len(out) > 13 {
		return []string{"every key, about itself"}
	}
	return out
}

func newMessage(o *options, row *types.MessageRow) *cobra.Command {
	f := &txFlags{}
	cmd := &cobra.Command{
		Use:     row.Name + " JSON",
		Short:   "signed by " + strings.Join(signers(row), ", "),
		Long:    messageHelp(row),
		Example: fmt.Sprintf("  ledgerctl tx %s '%s' --key KEY", row.Name, examples[row.Name]),
		Args:    exactly(1, "the message as JSON, @FILE, or - for the standard input"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return sendMessage(cmd, o, f, row, args[0])
		},
	}
	g := cmd.Flags()
	g.StringVar(&f.key, "key", "", "key file, or the name of a key in the folder of keys (needed)")
	g.StringVar(&f.signer, "signer", "", "who signs; must be the holder of the key (default: the holder)")
	g.StringVar(&f.onBehalfOf, "on-behalf-of", "", "enterprise that the signer acts for under a mandate")
	g.StringVar(&f.reference, "reference", "", "16–64 characters A-Z a-z 0-9 . _ - (default: derived from the content)")
	g.StringVar(&f.system, "source-system", "ledgerctl", "label of origin: the system the facts come from")
	g.StringVar(&f.jurisdiction, "jurisdiction", "ZZ", "label of origin: ISO 3166-1 or 3166-2; ZZ: not stated")
	g.BoolVar(&f.simulated, "simulated", false, "label of origin: made-up or moved data")
	g.DurationVar(&f.wait, "wait", 30*time.Second, "how long to wait for FINAL")
	g.DurationVar(&f.validFor, "valid-for", client.DefaultValidFor, "how long it may be included, at most 24h")
	g.BoolVar(&f.atomic, "atomic", false, "all messages or none")
	g.BoolVar(&f.dryRun, "dry-run", false, "print the signed transaction and send nothing")
	return cmd
}

func messageHelp(row *types.MessageRow) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nWho may sign it, in which relation, and what evidence that makes:\n", row.Name)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, p := range row.Permissions {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", p.Role, p.Relation, p.Evidence)
	}
	w.Flush()
	b.WriteString("\nFields:\n")
	w = tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	writeFields(w, client.MessageFields(row.Name), "  ")
	w.Flush()
	if row.Mandatable {
		b.WriteString("\nA delegate sends it with --on-behalf-of ENTERPRISE.\n")
	}
	return b.String()
}

func writeFields(w io.Writer, fields []client.Field, indent string) {
	for i := range fields {
		fmt.Fprintf(w, "%s%s\t%s\n", indent, fields[i].Name, fields[i].Describe())
		writeFields(w, fields[i].Fields, indent+"  ")
	}
}

// sendMessage signs one message and waits for FINAL.
func sendMessage(cmd *cobra.Command, o *options, f *txFlags, row *types.MessageRow, arg string) error {
	text, err := argument(arg, cmd.InOrStdin())
	if err != nil {
		return err
	}
	msg, err := client.DecodeMessage(row.Name, text)
	if err != nil {
		return &usageError{err}
	}
	if f.dryRun && o.chainID == "" && o.trust == "" {
		return usagef("--dry-run asks no node: give --chain-id or --trust")
	}
	c, err := o.signingClient(cmd.Context())
	if err != nil {
		return err
	}
	signer, err := o.signer(f.key, f.signer)
	if err != nil {
		return err
	}
	signer.Origin = types.Origin{SourceSystem: f.system, Jurisdiction: f.jurisdiction, CollectedUnix: time.Now().Unix(), Simulated: f.simulated}
	if q, ok := msg.(*types.QueryCredit); ok && len(q.Salt) == 0 {
		// Whoever holds the key can derive it again to open the receipt.
		q.Salt = client.ReceiptSalt(signer.Key, signer.ID+"/"+q.Id)
	}
	messages := []*types.Message{types.Wrap(f.onBehalfOf, msg)}
	opts := client.TxOptions{Reference: f.reference, ValidUntil: time.Now().Add(f.validFor), Atomic: f.atomic}
	if !f.dryRun {
		return submitOne(cmd, o, c, signer, messages, opts, f.wait)
	}
	raw, err := signer.SignTx(c.ChainID(), messages, opts)
	if err != nil {
		return err
	}
	tx, err := types.Decode(raw)
	if err != nil {
		return err
	}
	return printDryRun(cmd.OutOrStdout(), tx, msg)
}

func submitOne(cmd *cobra.Command, o *options, c *client.Client, s *client.Signer, messages []*types.Message, opts client.TxOptions, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), wait+client.DefaultWait)
	defer cancel()
	r, tx, err := c.SubmitMessages(ctx, s, messages, opts, client.SubmitOptions{Wait: min(wait, 30*time.Second), RetryFor: wait})
	if r == nil {
		return err
	}
	if r.Status != types.SubmitStatus_FINAL && r.Status != types.SubmitStatus_SUBMIT_REFUSED {
		return fmt.Errorf("reference %s: %w", r.Reference, err)
	}
	if err := printResult(cmd.OutOrStdout(), o, tx, r); err != nil {
		return err
	}
	if r.Err() != nil {
		return &saidError{}
	}
	return nil
}

// resultJSON is the outcome of one transaction for programs.
type resultJSON struct {
	Status    string   `json:"status"`
	Signer    string   `json:"signer"`
	Reference string   `json:"reference"`
	Height    int64    `json:"height,omitempty"`
	Index     uint32   `json:"index"`
	Accepted  int      `json:"accepted"`
	Messages  int      `json:"messages"`
	Codes     []string `json:"codes,omitempty"`
	Code      string   `json:"code,omitempty"`
	Detail    string   `json:"detail,omitempty"`
	Earlier   bool     `json:"earlier,omitempty"`
}

func printResult(w io.Writer, o *options, tx *types.Tx, r *client.Result) error {
	out := resultJSON{Status: r.Status.String(), Signer: tx.Body.Signer, Reference: r.Reference, Height: r.Height, Index: r.Index,
		Accepted: r.Accepted(), Messages: len(tx.Body.Messages), Earlier: r.Earlier}
	for _, c := range r.Codes {
		out.Codes = append(out.Codes, c.String())
	}
	if r.Status == types.SubmitStatus_SUBMIT_REFUSED {
		out.Status, out.Code, out.Detail = "REFUSED", r.Code.String(), r.Detail
	}
	if o.json() {
		return printJSON(w, out)
	}
	if out.Code != "" {
		_, err := fmt.Fprintf(w, "REFUSED  %s  %s\nreference %s; nothing was written\n", out.Code, out.Detail, out.Reference)
		return err
	}
	earlier := ""
	if r.Earlier {
		earlier = " (an earlier transaction with this reference)"
	}
	_, err := fmt.Fprintf(w, "FINAL    height %d, index %d: accepted %d of %d%s\n         codes %s\n         reference %s\n"+
		"         read what it wrote, with proof: ledgerctl get KEY --min-height %[1]d\n",
		r.Height, r.Index, out.Accepted, out.Messages, earlier, strings.Join(out.Codes, " "), out.Reference)
	return err
}

func printDryRun(w io.Writer, tx *types.Tx, msg types.Msg) error {
	text, err := client.EncodeMessage(msg)
	if err != nil {
		return err
	}
	b := &tx.Body
	return printJSON(w, map[string]any{
		"chain_id": b.ChainId, "signer": b.Signer, "key": b.Key, "reference": b.Reference, "valid_until": time.Unix(b.ValidUntilUnix, 0).UTC().Format(time.RFC3339),
		"message": types.RowOf(msg).Name, "on_behalf_of": b.Messages[0].OnBehalfOf, "fields": json.RawMessage(text),
		"tx_sha256": tx.Hash.String(), "tx": hex.EncodeToString(tx.Raw), "sent": false,
	})
}

// argument reads JSON from the command line, a file (@FILE) or the standard input (-).
func argument(arg string, in io.Reader) ([]byte, error) {
	switch {
	case arg == "-":
		return io.ReadAll(io.LimitReader(in, 1<<20))
	case strings.HasPrefix(arg, "@"):
		return os.ReadFile(arg[1:])
	}
	return []byte(arg), nil
}

// signer opens a key, given by file or by name.
func (o *options) signer(key, holder string) (*client.Signer, error) {
	if key == "" {
		return nil, usagef("--key is needed; 'ledgerctl keys list' shows what there is")
	}
	ask := func() ([]byte, error) {
		return client.ReadPassphrase(o.passphraseFD, fmt.Sprintf("Passphrase of %s: ", key), false)
	}
	var secret *types.SigningKey
	var info client.KeyInfo
	var err error
	if strings.ContainsAny(key, "/.") {
		secret, info, err = client.OpenKeyFile(key, ask)
	} else {
		var folder *client.KeyFolder
		if folder, err = client.OpenKeyFolder(o.keys); err == nil {
			secret, info, err = folder.Load(key, ask)
		}
	}
	if err != nil {
		return nil, err
	}
	if holder != "" && holder != info.Holder {
		return nil, usagef("the key %s belongs to %s, not to %s", key, info.Holder, holder)
	}
	return &client.Signer{ID: info.Holder, KeyID: info.KeyID, Key: secret}, nil
}
