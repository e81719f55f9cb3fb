package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"tradecredit/client"
	"tradecredit/client/verifier"
	"tradecredit/types"
)

// suppliersShown is how many suppliers the first table has.
const suppliersShown = 10

// question is one query_credit of the bank and the receipt that answered it.
type question struct {
	subject string
	name    string // as the source has it
	records int    // lines or payments of the sample
	output  types.Output
	purpose types.Purpose
	salt    []byte

	receipt *types.Receipt
	head    *types.SubjectHead
	proof   string // ✓ or ✗ with the height
	failed  error  // why ✗
}

// id is the source id of consent and query.
func (q *question) id() string {
	return "q-" + strings.ToLower(strings.NewReplacer(":", "-").Replace(q.subject))
}

// ask has the subjects consent, the bank query, and prints what it got; every receipt is verified.
func (d *demo) ask(ctx context.Context) error {
	suppliers, payers := d.suppliers(), d.payers()
	all := slices.Concat(suppliers, payers)
	if err := d.query(ctx, all); err != nil {
		return err
	}
	if err := d.provable(ctx); err != nil {
		return err
	}
	for _, q := range all {
		d.verify(ctx, q)
	}
	d.say("%s asked %d times with consent; every answer is a receipt on the chain", askingBank, len(all))
	printSuppliers(suppliers, d.sample.deliveryShift)
	printPayers(payers, d.sample.paymentShift)
	for _, q := range all {
		if q.failed != nil {
			return fmt.Errorf("%s is not proved: %w", q.subject, q.failed)
		}
	}
	return d.report(ctx, suppliers[0])
}

// suppliers are the ones with most orders.
func (d *demo) suppliers() []*question {
	orders := map[string]int{}
	for i := range d.sample.deliveries {
		orders[d.sample.deliveries[i].seller]++
	}
	out := most(orders, suppliersShown)
	for _, q := range out {
		q.name, q.output, q.purpose = d.sample.suppliers[q.subject], types.Output_SCORE, types.Purpose_CREDIT_GRANT
	}
	return out
}

// payers are all departments.
func (d *demo) payers() []*question {
	paid := map[string]int{}
	for i := range d.sample.payments {
		paid[d.sample.payments[i].department]++
	}
	out := most(paid, len(paid))
	for _, q := range out {
		q.name, q.output, q.purpose = d.sample.departments[q.subject], types.Output_INDEX, types.Purpose_TRADE_PARTNER
	}
	return out
}

// most lists the n largest, then by subject.
func most(count map[string]int, n int) []*question {
	var out []*question
	for subject, records := range count {
		out = append(out, &question{subject: subject, records: records})
	}
	slices.SortFunc(out, func(a, b *question) int {
		if a.records != b.records {
			return b.records - a.records
		}
		return strings.Compare(a.subject, b.subject)
	})
	return out[:min(n, len(out))]
}

// query records the consents, given by the platform under the subjects' mandates, and then asks.
func (d *demo) query(ctx context.Context, all []*question) error {
	var consents, queries []*types.Message
	until := int32(time.Now().Unix()/86400) + 20
	for _, q := range all {
		q.salt = make([]byte, 32)
		if _, err := rand.Read(q.salt); err != nil {
			return err
		}
		consents = append(consents, types.Wrap(q.subject, &types.GrantConsent{
			Id: q.id(), Grantee: askingBank, Purpose: q.purpose, Scope: q.output, UntilDay: until, Uses: 1,
		}))
		queries = append(queries, types.Wrap("", &types.QueryCredit{
			Id: q.id(), Subject: q.subject, Purpose: q.purpose, Output: q.output, Consent: platform + "/" + q.id(), Salt: q.salt,
		}))
	}
	if err := d.final(ctx, d.signer(platform, types.Role_PLATFORM, "consents", 0), consents); err != nil {
		return err
	}
	return d.final(ctx, d.signer(askingBank, types.Role_BANK, "loan-desk", 0), queries)
}

// provable waits until what is final can be proved too: the header of the next height holds the app hash.
func (d *demo) provable(ctx context.Context) error {
	_, err := d.client.GetRaw(ctx, string(types.ChainKey), client.GetOptions{MinHeight: d.height, Patience: 20 * time.Second})
	return err
}

// verify reads receipt and log head with proof; nothing is shown that was not verified.
func (d *demo) verify(ctx context.Context, q *question) {
	var proven *client.Proven
	q.receipt, proven, q.failed = client.Get(ctx, d.client, types.ReceiptKey(askingBank+"/"+q.id()), client.GetOptions{})
	if q.failed == nil && q.receipt == nil {
		q.failed = errors.New("there is no such receipt")
	}
	if q.failed == nil {
		q.head, _, q.failed = client.Get(ctx, d.client, types.SubjectKey(q.subject), client.GetOptions{})
	}
	if q.failed == nil && q.head == nil {
		q.failed = errors.New("the subject has no entry log")
	}
	if q.failed != nil {
		q.proof = "✗"
		return
	}
	q.proof = fmt.Sprintf("✓ at %d", proven.Height)
}

func newTable(title string) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(os.Stdout)
	t.SetStyle(table.StyleLight)
	t.SetTitle(title)
	t.Style().Title.Align = text.AlignLeft
	return t
}

func printSuppliers(all []*question, shift int32) {
	fmt.Println()
	t := newTable(fmt.Sprintf("Suppliers by delivery record\ndates moved by %d days; verdicts simulated; model expert-v1, not calibrated", shift))
	t.AppendHeader(table.Row{"supplier", "orders", "entries", "score", "class", "top reasons", "proof"})
	for _, q := range all {
		t.AppendRow(supplierCells(q))
	}
	t.SetColumnConfigs([]table.ColumnConfig{
		{Number: 2, Align: text.AlignRight}, {Number: 3, Align: text.AlignRight}, {Number: 4, Align: text.AlignRight},
		{Number: 6, WidthMax: 40, WidthMaxEnforcer: text.WrapSoft},
	})
	t.Render()
	fmt.Println("S1 on time · S2 evidence · S3 document verdicts · S4 credit notes · S5 collection · S6 concentration\n" +
		"S7 months active · S8 members; (−n) points lost of 1000. Class 1 is best; U: unscored, neither zero nor low risk.")
}

func supplierCells(q *question) table.Row {
	name := short(q.name, 26)
	if q.failed != nil {
		return table.Row{name, q.records, "", "", "", "", q.proof}
	}
	r := q.receipt.Result
	if r.Class == types.ScoreClass_CLASS_U {
		return table.Row{name, q.records, q.head.Entries, "–", "U", unscored(r), q.proof}
	}
	return table.Row{name, q.records, q.head.Entries, r.Score, strings.TrimPrefix(r.Class.String(), "CLASS_"), reasonsOf(r), q.proof}
}

func printPayers(all []*question, shift int32) {
	fmt.Println()
	t := newTable(fmt.Sprintf("Payers' payment index, 0–100\none legal person, for illustration; dates moved by %d days; net 30 assumed", shift))
	t.AppendHeader(table.Row{"department", "payments", "index", "proof", "department", "payments", "index", "proof"})
	half := (len(all) + 1) / 2
	for i := range half {
		row := payerCells(all[i])
		if i+half < len(all) {
			row = append(row, payerCells(all[i+half])...)
		}
		t.AppendRow(row)
	}
	var right []table.ColumnConfig
	for _, n := range []int{2, 3, 6, 7} {
		right = append(right, table.ColumnConfig{Number: n, Align: text.AlignRight})
	}
	t.SetColumnConfigs(right)
	t.Render()
	fmt.Println("INDEX receipts: no score and no class. n/a: not applicable, as where there is one vendor.")
}

func payerCells(q *question) table.Row {
	index := ""
	if q.failed == nil {
		index = "n/a"
		if q.receipt.Result.IndexApplicable {
			index = fmt.Sprint(q.receipt.Result.Index)
		}
	}
	return table.Row{short(q.name, 26), q.records, index, q.proof}
}

// reasonsOf writes up to four reasons with the points they cost.
func reasonsOf(r *types.ScoreResult) string {
	var out []string
	for _, reason := range r.Reasons {
		out = append(out, fmt.Sprintf("%s (−%d)", reason.Characteristic, reason.Lost))
	}
	return strings.Join(out, " ")
}

var why = map[types.Unscored]string{
	types.Unscored_U1: "too few experiences", types.Unscored_U2: "fewer than 2 counterparties", types.Unscored_U3: "under 90 days",
	types.Unscored_U4: "fewer than 2 members", types.Unscored_U5: "self-declared only",
}

func unscored(r *types.ScoreResult) string {
	var out []string
	for _, u := range r.Unscored {
		out = append(out, why[u])
	}
	return strings.Join(out, ", ")
}

func short(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// report files the first supplier's report, with all its entries, and verifies it offline, as its reader will.
func (d *demo) report(ctx context.Context, q *question) error {
	path := filepath.Join(d.dir, "report.tcr")
	r, err := d.client.MakeReport(ctx, askingBank+"/"+q.id(), client.ReportOptions{
		Opening: verifier.Opening{Grantee: askingBank, Purpose: q.purpose, Salt: q.salt},
	})
	if err != nil {
		return err
	}
	if err := client.WriteReportFile(path, r); err != nil {
		return err
	}
	again, err := client.ReadReportFile(path)
	if err != nil {
		return err
	}
	trust, err := client.ReadTrust(filepath.Join(d.dir, "trust.json"))
	if err != nil {
		return err
	}
	v, err := verifier.Verify(again, trust, verifier.Options{Now: time.Now(), AllowSimulation: true})
	if err != nil {
		return err
	}
	if !v.Recomputed || v.Entries == nil || !v.Entries.SumsChecked {
		return fmt.Errorf("the report of %s does not show how its score came about", q.id())
	}
	fmt.Println()
	d.say("%s, with %d entries, and %s are written. Verify offline:", path, v.Entries.Count, filepath.Join(d.dir, "trust.json"))
	fmt.Printf("\n  build/ledgerctl verify %s --trust %s --allow-simulation\n\n", path, filepath.Join(d.dir, "trust.json"))
	return nil
}
