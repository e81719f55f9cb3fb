package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"tradecredit/client"
	"tradecredit/types"
)

// loader submits the records of one set. What depends on another record waits until that one is FINAL.
type loader struct {
	demo *demo
	bar  *progressbar.ProgressBar

	mu      sync.Mutex
	held    int                // messages that hold
	refused map[types.Code]int // others, by code
	failed  error
}

// load records both sets, and says what became of their rows.
func (d *demo) load(ctx context.Context) error {
	s := d.sample
	total := 4*len(s.deliveries) + 2*len(s.payments)
	l := &loader{demo: d, refused: map[types.Code]int{}, bar: bar(total)}
	began := time.Now()
	if err := l.deliveries(ctx); err != nil {
		return err
	}
	if err := l.payments(ctx); err != nil {
		return err
	}
	took := time.Since(began)
	_ = l.bar.Finish() // a bar that cannot be drawn is no failure
	if l.failed != nil {
		return l.failed
	}
	d.say("%d records are final in %.1f s: %.0f records/s", l.held, took.Seconds(), float64(l.held)/took.Seconds())
	d.say("deliveries: %d lines recorded, moved by %d days; %s", len(s.deliveries), s.deliveryShift, lost(s.deliveriesLost))
	d.say("payments: %d rows recorded, moved by %d days, terms assumed net 30; %s", len(s.payments), s.paymentShift, lost(s.paymentsLost))
	if len(l.refused) > 0 {
		return fmt.Errorf("messages were refused: %v", l.refused)
	}
	return nil
}

// lost says how many rows could not be recorded, and why.
func lost(reasons map[string]int) string {
	if len(reasons) == 0 {
		return "no row rejected"
	}
	var parts []string
	for reason, n := range reasons {
		parts = append(parts, fmt.Sprintf("%d %s", n, reason))
	}
	slices.Sort(parts)
	return "rejected: " + strings.Join(parts, ", ")
}

// bar is a progress bar on a terminal, and nothing elsewhere.
func bar(total int) *progressbar.ProgressBar {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return progressbar.DefaultSilent(int64(total))
	}
	return progressbar.NewOptions(total, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription("        records"),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("records"),
		progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
}

// count takes in what became of a group, and tells whether every message of it holds.
func (l *loader) count(o client.Outcome) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o.Err != nil {
		if l.failed == nil {
			l.failed = o.Err
		}
		return false
	}
	good := true
	for _, c := range o.Codes {
		if c == types.Code_ok || c == types.Code_already_recorded {
			l.held++
		} else {
			l.refused[c]++
			good = false
		}
	}
	_ = l.bar.Add(len(o.Codes))
	return good
}

// then returns a callback that counts, and on success hands the dependants over.
func (l *loader) then(next func() error) func(client.Outcome) {
	return func(o client.Outcome) {
		if !l.count(o) || next == nil {
			return
		}
		if err := next(); err != nil {
			l.mu.Lock()
			l.failed = err
			l.mu.Unlock()
		}
	}
}

// deliveries: order and document by the platform, then the verifier's verdict and the carrier's event.
func (l *loader) deliveries(ctx context.Context) error {
	d := l.demo
	shift := d.sample.deliveryShift
	open := func(id string, role types.Role) *client.Submitter {
		return d.client.NewSubmitter(ctx, d.signer(id, role, "scms-delivery-history", shift), client.SubmitterConfig{})
	}
	orders := open(platform, types.Role_PLATFORM)
	verdicts := open(inspector, types.Role_VERIFIER)
	events := open(carrier, types.Role_LOGISTICS)
	for i := range d.sample.deliveries {
		line := &d.sample.deliveries[i]
		order, document := d.orderOf(line)
		err := orders.Add([]*types.Message{order, document}, l.then(func() error {
			if err := verdicts.Add([]*types.Message{d.verdictOf(line, document)}, l.then(nil)); err != nil {
				return err
			}
			return events.Add([]*types.Message{deliveredOf(line)}, l.then(nil))
		}))
		if err != nil {
			return err
		}
	}
	for _, s := range []*client.Submitter{orders, verdicts, events} {
		if err := s.Close(); err != nil {
			return err
		}
	}
	return nil
}

// payments: the receivable by the platform under the vendor's mandate, then the bank's settlement.
func (l *loader) payments(ctx context.Context) error {
	d := l.demo
	shift := d.sample.paymentShift
	issues := d.client.NewSubmitter(ctx, d.signer(platform, types.Role_PLATFORM, "nola-vendor-payments", shift), client.SubmitterConfig{})
	money := d.client.NewSubmitter(ctx, d.signer(vendorsBank, types.Role_BANK, "nola-vendor-payments", shift), client.SubmitterConfig{})
	for i := range d.sample.payments {
		p := &d.sample.payments[i]
		err := issues.Add([]*types.Message{d.receivableOf(p)}, l.then(func() error {
			return money.Add([]*types.Message{settlementOf(p)}, l.then(nil))
		}))
		if err != nil {
			return err
		}
	}
	if err := issues.Close(); err != nil {
		return err
	}
	return money.Close()
}

func (d *demo) orderOf(line *delivery) (order, document *types.Message) {
	id := "scms-" + line.id
	terms := sha256.Sum256([]byte("simulated terms of " + id))
	order = types.Wrap("", &types.RecordOrder{
		Id: id, Kind: types.OrderKind_GOODS, Buyer: line.buyer, Seller: line.seller, OrderDay: line.ordered,
		PromisedDay: line.promised, Currency: "USD", AmountMinor: line.amount, TermsDigest: terms[:], Incoterm: line.incoterm,
	})
	commitment := client.Commit(d.salt, platform+"/"+id, line.fields)
	document = types.Wrap(line.seller, &types.AnchorDocument{
		Id: id, Subject: line.seller, Type: "220", Object: "order/" + platform + "/" + id, Commitment: commitment.Root(),
		Fields: uint32(len(line.fields)), IssueDay: line.ordered,
	})
	return order, document
}

// checkText states the check whose verdict is recorded; its digest goes with every verdict.
const checkText = "quantity x pack price equals the line value to half a cent a pack plus half a dollar, " +
	"and the delivery was recorded no earlier than it happened"

func (d *demo) verdictOf(line *delivery, document *types.Message) *types.Message {
	verdict := types.Verdict_MISMATCH
	if line.match {
		verdict = types.Verdict_MATCH
	}
	check := sha256.Sum256([]byte(checkText))
	return types.Wrap("", &types.VerifyDocument{
		Document: platform + "/scms-" + line.id, Verdict: verdict, Method: types.VerdictMethod_AUTOMATED_CHECK,
		Day:        max(line.delivered, line.ordered),
		Commitment: document.GetAnchorDocument().Commitment, CheckDigest: check[:],
	})
}

func deliveredOf(line *delivery) *types.Message {
	return types.Wrap("", &types.RecordLogisticsEvent{
		Id: "scms-" + line.id, Order: platform + "/scms-" + line.id, Event: types.LogisticsEvent_DELIVERED,
		Day: line.delivered, Place: line.country,
	})
}

func (d *demo) receivableOf(p *payment) *types.Message {
	id := "nola-" + p.check
	commitment := client.Commit(d.salt, platform+"/"+id, [][2]string{{"check", p.check}, {"department", p.payer}, {"vendor", p.vendor}})
	return types.Wrap(p.vendor, &types.IssueReceivable{
		Id: id, Seller: p.vendor, Debtor: p.department, Type: "380", Currency: "USD", AmountMinor: p.amount,
		IssueDay: p.issued, DueDay: p.issued + 30, Commitment: commitment.Root(), AssumedTerms: true,
	})
}

func settlementOf(p *payment) *types.Message {
	id := sha256.Sum256([]byte("nola/" + p.check))
	return types.Wrap("", &types.RecordSettlement{
		Id: id[:], Side: types.SettlementSide_CREDITOR, Payer: p.department, Payee: p.vendor, Currency: "USD",
		AmountMinor: p.amount, Day: p.paid, Channel: types.Channel_CHEQUE, Stage: types.SettlementStage_PROCUREMENT,
		Allocations: []*types.Allocation{{Receivable: platform + "/nola-" + p.check, AmountMinor: p.amount}},
	})
}
