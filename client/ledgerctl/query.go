package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tradecredit/client"
	"tradecredit/client/verifier"
	"tradecredit/types"
)

func newQuery(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use: "query", Short: "Answer a question from proved records",
		Example: "  ledgerctl query priority receivable/platform-1/R-88 --trust trust.json",
	}
	cmd.AddCommand(newQueryPriority(o))
	return cmd
}

func newQueryPriority(o *options) *cobra.Command {
	var language string
	cmd := &cobra.Command{
		Use:   "priority OBJECT",
		Short: "Rank the lenders on a receivable, declaration or document, from the proved lock",
		Long: "Rank the lenders that hold a lien on a receivable, declaration or transferable document, in the order of article 768 of the Civil Code of the " +
			"People's Republic of China, from the lock of the object, whose content or absence is proved.",
		Example: "  ledgerctl query priority receivable/platform-1/R-88 --trust trust.json\n" +
			"  ledgerctl query priority transferable/carrier-1/BL-7 --trust trust.json --lang zh",
		Args: exactly(1, "the state key of an object"),
		RunE: func(cmd *cobra.Command, args []string) error {
			say, ok := priorityWords[verifier.Language(language)]
			if !ok {
				return usagef("--lang is en or zh, not %q", language)
			}
			trust, err := o.needTrust()
			if err != nil {
				return err
			}
			c, err := o.client(trust)
			if err != nil {
				return err
			}
			key := types.EncumbranceKey(args[0])
			row, proven, err := client.Get(cmd.Context(), c, key, client.GetOptions{Patience: provableWait})
			if err != nil {
				return err
			}
			lines := types.Priority(row)
			if o.json() {
				return printJSON(cmd.OutOrStdout(), priorityJSON(args[0], lines, proven, c.ChainID(), say))
			}
			if err := printPriority(cmd.OutOrStdout(), args[0], lines, say); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), say.proved+"\n", string(key), proven.Height, c.ChainID(), proven.Time.UTC().Format(time.RFC3339))
			return err
		},
	}
	cmd.Flags().StringVar(&language, "lang", defaultLanguage(), "en or zh")
	return cmd
}

// prioritySaying is what a priority statement says in one language.
type prioritySaying struct {
	header, none, notice, proved string
	grounds                      map[types.PriorityGround]string
}

var priorityWords = map[verifier.Language]*prioritySaying{
	verifier.English: {
		header: "Rank\tLender\tFinancing\tAmount (minor)\tBecause",
		none:   "nobody holds a live lien on %s",
		notice: "In the order of article 768 of the Civil Code. Evidence of time and notice, not the statutory register: what counts is what is entered there.",
		proved: "✓ proved: %s at height %d of %s (%s)",
		grounds: map[types.PriorityGround]string{
			types.ByRegistration: "registered on %s as %s",
			types.ByNotice:       "not registered; the debtor was notified on %s",
			types.ByShare:        "neither registered nor notified: %d.%02d %% of what these lent",
			types.NotAdvanced:    "reserved only: nothing is claimed yet",
		},
	},
	verifier.Chinese: {
		header: "顺位\t债权人\t融资\t金额(最小货币单位)\t依据",
		none:   "%s 上没有有效的权利负担",
		notice: "按《民法典》第七百六十八条的顺序排列。本表为时间与通知的证据,不是法定登记;以动产融资统一登记公示系统的登记为准。",
		proved: "✓ 已证明:%s,高度 %d,链 %s(%s)",
		grounds: map[types.PriorityGround]string{
			types.ByRegistration: "已于 %s 登记,编号 %s",
			types.ByNotice:       "未登记;转让通知于 %s 到达债务人",
			types.ByShare:        "既未登记也未通知:按融资款比例,占 %d.%02d %%",
			types.NotAdvanced:    "仅预留,尚未放款",
		},
	},
}

// because says why a line stands where it stands.
func (s *prioritySaying) because(l types.PriorityLine) string {
	text := s.grounds[l.Ground]
	switch l.Ground {
	case types.ByRegistration:
		return fmt.Sprintf(text, types.FormatDay(l.Lien.RegisteredDay), l.Lien.RegistryNumber)
	case types.ByNotice:
		return fmt.Sprintf(text, types.FormatDay(l.Lien.NotifiedDay))
	case types.ByShare:
		return fmt.Sprintf(text, l.ShareBp/100, l.ShareBp%100)
	}
	return text
}

func printPriority(out io.Writer, object string, lines []types.PriorityLine, say *prioritySaying) error {
	if len(lines) == 0 {
		_, err := fmt.Fprintf(out, say.none+"\n", object)
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, say.header)
	for _, l := range lines {
		rank := "–"
		if l.Rank > 0 {
			rank = fmt.Sprint(l.Rank)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", rank, l.Lien.Lender, l.Lien.Financing, l.Lien.AmountMinor, say.because(l))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, say.notice)
	return err
}

func priorityJSON(object string, lines []types.PriorityLine, p *client.Proven, chainID string, say *prioritySaying) map[string]any {
	rows := make([]map[string]any, 0, len(lines))
	for _, l := range lines {
		rows = append(rows, map[string]any{
			"rank": l.Rank, "lender": l.Lien.Lender, "financing": l.Lien.Financing, "amount_minor": l.Lien.AmountMinor,
			"share_bp": l.ShareBp, "because": say.because(l),
		})
	}
	return map[string]any{
		"object": object, "lines": rows, "notice": say.notice, "key": p.Key, "absent": p.Value == nil, "proved": true,
		"chain_id": chainID, "height": p.Height, "header_time": p.Time.UTC().Format(time.RFC3339Nano),
	}
}
