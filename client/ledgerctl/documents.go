package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"tradecredit/client"
	"tradecredit/types"
)

func newDocuments(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "documents",
		Short: "Commit to a document, show some of its fields, check what was shown",
		Long: "The chain holds a commitment to a document: a Merkle root over its fields, each with a salt of its own. " +
			"Its holder shows one field and hides the rest; whoever is shown it checks it against the chain.",
		Example: "  ledgerctl documents commit invoice.json --salt-key salt.key --record platform-1/INV-88\n" +
			"  ledgerctl documents disclose invoice.json --salt-key salt.key --record platform-1/INV-88 --field total >shown.json\n" +
			"  ledgerctl documents check shown.json --trust trust.json",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDocumentsCommit(o), newDocumentsDisclose(o), newDocumentsCheck(o))
	return cmd
}

// fieldsFlags are the flags of what reads a document's fields.
type fieldsFlags struct{ saltKey, record string }

func (f *fieldsFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.saltKey, "salt-key", "", "file of the salt key; 'ledgerctl keys salt' makes one (needed)")
	cmd.Flags().StringVar(&f.record, "record", "", "record id of the document, MEMBER/SOURCE-ID (needed)")
}

// commitment reads a document's fields, a JSON object of texts, and commits to them.
func (f *fieldsFlags) commitment(path string) (*client.Commitment, error) {
	if f.saltKey == "" || f.record == "" {
		return nil, usagef("--salt-key and --record are needed")
	}
	if err := types.CheckRecordID(f.record); err != nil {
		return nil, usagef("--record: %v", err)
	}
	salt, err := client.ReadSaltKey(f.saltKey)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var named map[string]string
	if err := json.Unmarshal(data, &named); err != nil {
		return nil, fmt.Errorf("%s: a JSON object of texts, {\"number\": \"88\", …}: %w", path, err)
	}
	if n := len(named); n < 1 || n > 256 {
		return nil, fmt.Errorf("%s: %d fields, a document commits to 1 to 256", path, n)
	}
	var fields [][2]string
	for name, value := range named {
		fields = append(fields, [2]string{name, value})
	}
	slices.SortFunc(fields, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	return client.Commit(salt, f.record, fields), nil
}

func newDocumentsCommit(o *options) *cobra.Command {
	f := &fieldsFlags{}
	cmd := &cobra.Command{
		Use: "commit FIELDS.json", Short: "Print what anchor_document says of a document: commitment and number of fields",
		Example: "  ledgerctl documents commit invoice.json --salt-key salt.key --record platform-1/INV-88",
		Args:    exactly(1, "a JSON file with the document's fields"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.commitment(args[0])
			if err != nil {
				return err
			}
			return printJSON(cmd.OutOrStdout(), map[string]any{"commitment": hex.EncodeToString(c.Root()), "fields": c.Size()})
		},
	}
	f.add(cmd)
	return cmd
}

func newDocumentsDisclose(o *options) *cobra.Command {
	f := &fieldsFlags{}
	var names []string
	cmd := &cobra.Command{
		Use: "disclose FIELDS.json", Short: "Write a file that shows some fields of a document and hides the rest",
		Example: "  ledgerctl documents disclose invoice.json --salt-key salt.key --record platform-1/INV-88 --field total --field day >shown.json",
		Args:    exactly(1, "a JSON file with the document's fields"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(names) == 0 {
				return usagef("--field is needed, once for every field that is shown")
			}
			c, err := f.commitment(args[0])
			if err != nil {
				return err
			}
			shown, err := client.DiscloseFields(c, f.record, names)
			if err != nil {
				return err
			}
			data, err := shown.Encode()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(data)
			return err
		},
	}
	f.add(cmd)
	cmd.Flags().StringArrayVar(&names, "field", nil, "name of a field to show; again for more")
	return cmd
}

func newDocumentsCheck(o *options) *cobra.Command {
	var commitment string
	cmd := &cobra.Command{
		Use: "check SHOWN.json", Short: "Check shown fields against the commitment on the chain, or against one that is given",
		Example: "  ledgerctl documents check shown.json --trust trust.json\n" +
			"  ledgerctl documents check shown.json --commitment 4813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b2",
		Args: exactly(1, "a file that 'documents disclose' wrote"),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			shown, err := client.ParseDisclosureFile(data)
			if err != nil {
				return err
			}
			root, source, err := o.commitmentOf(cmd, shown.Document, commitment)
			if err != nil {
				return err
			}
			if err := shown.Verify(root); err != nil {
				return err
			}
			return printShown(cmd, o, shown, source)
		},
	}
	cmd.Flags().StringVar(&commitment, "commitment", "", "what to check against, 64 hexadecimal digits, instead of asking a node")
	return cmd
}

// commitmentOf is what the chain commits to under that document, read with proof, or what was given; and where it is from.
func (o *options) commitmentOf(cmd *cobra.Command, document, given string) ([]byte, string, error) {
	if given != "" {
		root, err := hex.DecodeString(given)
		if err != nil {
			return nil, "", usagef("--commitment: %v", err)
		}
		return root, "the commitment that was given; that it is on the chain was not checked", nil
	}
	trust, err := o.needTrust()
	if err != nil {
		return nil, "", err
	}
	c, err := o.client(trust)
	if err != nil {
		return nil, "", err
	}
	d, proven, err := client.Get(cmd.Context(), c, types.DocumentKey(document), client.GetOptions{Patience: provableWait})
	if err != nil {
		return nil, "", err
	}
	if d == nil {
		return nil, "", fmt.Errorf("document/%s is proved to be absent at height %d", document, proven.Height)
	}
	return d.Document.Commitment, fmt.Sprintf("document/%s, %s, proved at height %d of %s", document, d.Status, proven.Height, c.ChainID()), nil
}

func printShown(cmd *cobra.Command, o *options, shown *client.DisclosureFile, source string) error {
	out := cmd.OutOrStdout()
	if o.json() {
		fields := map[string]string{}
		for _, d := range shown.Fields {
			fields[d.Name] = d.Value
		}
		return printJSON(out, map[string]any{"document": shown.Document, "fields": fields, "of": shown.Fields[0].Size, "checked_against": source})
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, d := range shown.Fields {
		fmt.Fprintf(w, "✓ %s\t%s\n", d.Name, d.Value)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%d of %d fields shown; checked against %s\n", len(shown.Fields), shown.Fields[0].Size, source)
	return err
}
