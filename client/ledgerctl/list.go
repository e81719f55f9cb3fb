package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"tradecredit/client"
)

func newList(o *options) *cobra.Command {
	var q client.ListQuery
	var all bool
	cmd := &cobra.Command{
		Use:   "list KIND [BY VALUE]",
		Short: "List records by member, party, state or day, as a node tells them (unproved)",
		Long: "List records from a node's index, newest first, by day in day order. The list is the node's word; each row names the state key under which " +
			"'ledgerctl get' reads the record with its proof.\n\n" +
			"KIND: member key proposal enterprise delegation order movement declaration customs-event document receivable settlement fixing consent receipt model\n\n" +
			"BY VALUE, as far as the kind has it (the node says what there is):\n" +
			"  signer MEMBER|SUBJECT    whose key signed\n" +
			"  subject SUBJECT|MEMBER   any party: buyer, seller, debtor, payer, payee, holder, issuer, declarant\n" +
			"  status STATE             such as ISSUED, ORDER_DELIVERED, DOCUMENT_VERIFIED, OPEN, ACTIVE\n" +
			"  due DAY|DAY..DAY         receivables by due day, at most 366 days\n" +
			"  outstanding DAY|DAY..DAY the same, without those that are settled or at another end\n" +
			"  until DAY|DAY..DAY       documents, consents and delegations by their last day\n" +
			"  grantee MEMBER           consents and delegations by who may ask or act\n" +
			"  object KEY               what is about a record: order/…, receivable/…, declaration/…\n" +
			"Without them all records of the kind come, by id.",
		Example: "  ledgerctl list receivable subject USCC:91350100M000100Y43\n" +
			"  ledgerctl list receivable outstanding 2026-01-01..2026-03-31 --limit 200\n" +
			"  ledgerctl list document object order/platform-1/PO-1001\n" +
			"  ledgerctl list proposal status OPEN -o json",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 && len(args) != 3 {
				return usagef("%s wants a kind, or a kind, what to list it by, and a value; see %s --help", cmd.CommandPath(), cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			q.Kind = args[0]
			if len(args) == 3 {
				q.By, q.Value = args[1], args[2]
			}
			if all && o.json() {
				return usagef("--all prints a table; with -o json read page after page by --after")
			}
			c, err := o.client(nil)
			if err != nil {
				return err
			}
			for seen := 0; ; {
				page, err := c.List(cmd.Context(), q)
				if err != nil {
					return err
				}
				if o.json() {
					return printJSON(cmd.OutOrStdout(), page)
				}
				more := all && page.Next != ""
				if err := printList(cmd.OutOrStdout(), page, &seen, more); err != nil || !more {
					return err
				}
				q.After = page.Next
			}
		},
	}
	cmd.Flags().StringVar(&q.After, "after", "", "cursor of the page before")
	cmd.Flags().IntVar(&q.Limit, "limit", 0, "at most so many rows a page, up to 200 (default: the node's)")
	cmd.Flags().BoolVar(&all, "all", false, "all pages, one after the other")
	return cmd
}

// printList prints a page; seen counts the rows of the pages before, more says that another page follows at once.
func printList(out io.Writer, page *client.ListPage, seen *int, more bool) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if *seen == 0 {
		fmt.Fprintln(w, "Key\tStatus\tDay\tHeight\tSigned by\tParties\tAbout")
	}
	for _, r := range page.Rows {
		parties := r.Subjects
		if r.Grantee != "" {
			parties = append(parties, "→ "+r.Grantee)
		}
		day := ""
		switch {
		case r.Due != "":
			day = "due " + r.Due
		case r.Until != "":
			day = "until " + r.Until
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", r.Key, r.Status, day, r.Height, strings.Join(r.Signers, " "), strings.Join(parties, " "), strings.Join(r.Objects, " "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if *seen += len(page.Rows); more {
		return nil
	}
	if page.Next != "" {
		fmt.Fprintf(out, "more: --after %s\n", page.Next)
	}
	_, err := fmt.Fprintf(out, "%d of %d records at height %d; the list is the node's word, UNPROVED: 'ledgerctl get KEY' proves one\n", *seen, page.Total, page.Height)
	return err
}
