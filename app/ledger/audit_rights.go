package ledger

import (
	"errors"
	"fmt"
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
	"tradecredit/types/score"
)

// auditRights: every open dispute holds its item and waits for its time, and every item its dispute; what left the scores
// counts nowhere; the marks that a score reads are exactly those that the adverse records leave.
func (b *Block) auditRights(r state.Reader) error {
	for _, audit := range []func(state.Reader) error{
		b.auditDisputes, auditItems, auditLocks, b.auditAdverses, b.auditMarks,
	} {
		if err := audit(r); err != nil {
			return err
		}
	}
	return nil
}

// auditDisputes: an open dispute is the open one of its item; an ended one is not, and nothing waits for it. One whose time
// is over may wait a little longer.
func (b *Block) auditDisputes(r state.Reader) error {
	return each(r, types.Disputes, func(id string, d *types.Dispute) error {
		row, err := state.Get(r, types.DisputedItemKey(d.Dispute.Item))
		if err != nil {
			return err
		}
		until := disputeEnds(d)
		switch {
		case row == nil:
			return errors.New("its item has no row")
		case (until != 0) != (row.Open == id):
			return fmt.Errorf("%s, and the open dispute of its item is %q", d.Status, row.Open)
		case (until == 0) != (d.DecidedHeight != 0):
			return fmt.Errorf("%s, decided at %d", d.Status, d.DecidedHeight)
		case (d.Outcome == types.DisputeOutcome_ITEM_EXPUNGED || d.Status == types.DisputeStatus_SUPPRESSED) && !row.Left &&
			!expungedByFallen(d):
			return fmt.Errorf("%s, and its item did not leave", d.Status)
		}
		for _, unix := range []int64{d.RespondByUnix, d.EscalateByUnix, d.StandsUnix} {
			if unix == 0 || unix == until && b.Unix >= until {
				continue
			}
			if err := waits(r, unix, types.DueKind_DUE_DISPUTE, id, unix == until); err != nil {
				return err
			}
		}
		return nil
	})
}

// auditItems: the row of an item names a dispute of that item, whoever disputed it once each, and statements that exist; an
// item that left counts nowhere.
func auditItems(r state.Reader) error {
	return each(r, types.DisputedItems, func(item string, row *types.DisputedItem) error {
		if row.Open != "" {
			d, err := state.Get(r, types.DisputeKey(row.Open))
			if err != nil || d == nil || d.Dispute.Item != item || disputeEnds(d) == 0 {
				return fmt.Errorf("%q is no open dispute of it: %v", row.Open, err)
			}
		}
		names := slices.Clone(row.Disputants)
		slices.Sort(names)
		if len(slices.Compact(names)) != len(row.Disputants) || len(row.Disputants) > int(row.Disputes) {
			return fmt.Errorf("%d disputes by %v", row.Disputes, row.Disputants)
		}
		if err := auditStatements(r, item, row.Statements); err != nil || !row.Left {
			return err
		}
		counts, err := stillCounts(r, item)
		if err == nil && counts {
			err = errors.New("it left the scores, and counts")
		}
		return err
	})
}

func auditStatements(r state.Reader, item string, refs []*types.StatementRef) error {
	given := map[string]int{} // read by key only
	for _, ref := range refs {
		s, err := state.Get(r, types.StatementKey(ref.Statement))
		if err != nil {
			return err
		}
		if given[ref.Subject]++; s == nil || s.Subject != ref.Subject || s.Statement.Record != item || given[ref.Subject] > maxStatements {
			return fmt.Errorf("statement %s of %s", ref.Statement, ref.Subject)
		}
	}
	return nil
}

// stillCounts tells whether the record of an item says that it counts.
func stillCounts(r state.Reader, key string) (bool, error) {
	kind, id := itemKindOf(key)
	if kind == nil {
		return false, errors.New("no such kind of items")
	}
	switch kind.prefix {
	case string(types.Adverses):
		a, err := state.Get(r, types.AdverseKey(id))
		return a != nil && !a.Suppressed, err
	case string(types.Receivables):
		v, err := state.Get(r, types.ReceivableKey(id))
		return v != nil && v.Suppressed == 0, err
	case string(types.Financings):
		f, err := state.Get(r, types.FinancingKey(id))
		return f != nil && f.Suppressed == 0, err
	case string(types.Settlements):
		s, err := state.Get(r, types.Key[types.Settlement](key))
		return s != nil && slices.ContainsFunc(s.Parts, func(p *types.Part) bool { return p.Counted }), err
	case string(types.Documents):
		document, verifier := splitVerdict(id)
		d, err := state.Get(r, types.DocumentKey(document))
		if err != nil || d == nil {
			return false, err
		}
		v := verdictOf(d, verifier)
		return v != nil && (v.Provenance.Counted || v.Entry != 0), nil
	}
	return eventCounts(r, key)
}

// eventCounts is stillCounts of the kinds that are events.
func eventCounts(r state.Reader, key string) (bool, error) {
	var p *types.Provenance
	var entries uint64
	var err error
	switch kind, id := itemKindOf(key); kind.prefix {
	case string(types.Orders):
		var o *types.Order
		if o, err = state.Get(r, types.OrderKey(id)); o != nil {
			p, entries = o.Provenance, o.BoughtEntry+o.SaleEntry+o.PromiseEntry+o.CancelledEntry
		}
	case string(types.Movements):
		var v *types.Movement
		if v, err = state.Get(r, types.MovementKey(id)); v != nil {
			p, entries = v.Provenance, v.SellerEntry+v.BuyerEntry
		}
	case string(types.Returns):
		var v *types.ReturnRecord
		if v, err = state.Get(r, types.ReturnKey(id)); v != nil {
			p = &types.Provenance{Counted: v.Counted}
		}
	case string(types.CustomsEvents):
		var v *types.CustomsRecord
		if v, err = state.Get(r, types.CustomsEventKey(id)); v != nil {
			p, entries = v.Provenance, v.Entry
		}
	case string(types.TaxEvents):
		var v *types.TaxRecord
		if v, err = state.Get(r, types.TaxEventKey(id)); v != nil {
			p, entries = v.Provenance, v.Entry
		}
	case string(types.FxEvents):
		var v *types.FxRecord
		if v, err = state.Get(r, types.FxEventKey(id)); v != nil {
			p, entries = v.Provenance, v.Entry
		}
	}
	if err == nil && p == nil {
		err = errors.New("no such record")
	}
	return err == nil && (p.Counted || entries > 0), err
}

// auditLocks: a receivable is locked by an open dispute of itself, and what left the scores is no experience.
func auditLocks(r state.Reader) error {
	err := each(r, types.Receivables, func(id string, v *types.Receivable) error {
		if v.Suppressed != 0 && (v.Experience || len(v.ClosingMonths) > 0) {
			return errors.New("it left the scores, and is an experience")
		}
		row, err := state.Get(r, types.DisputedItemKey(string(types.ReceivableKey(id))))
		if err != nil {
			return err
		}
		open := ""
		if row != nil {
			open = row.Open
		}
		if v.Dispute != open {
			return fmt.Errorf("locked by %q, disputed by %q", v.Dispute, open)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return each(r, types.Financings, func(_ string, f *types.Financing) error {
		if f.Suppressed != 0 && (f.Experience || len(f.ClosingMonths) > 0) {
			return errors.New("it left the scores, and is an experience")
		}
		return nil
	})
}

// auditAdverses: a record that leaves a mark has it.
func (b *Block) auditAdverses(r state.Reader) error {
	return each(r, types.Adverses, func(id string, a *types.Adverse) error {
		if p := a.Ended; p == nil && a.EndDay != a.Adverse.EndDay || p != nil && p.Fallen && a.EndDay != a.Adverse.EndDay {
			return fmt.Errorf("it ended on %s by nobody's word", types.FormatDay(a.EndDay))
		}
		if err := firstRefusal(marked(r, a.Provenance), marked(r, a.Ended)); err != nil {
			return err
		}
		want := markOf(id, a, b.Today())
		if want == nil {
			return nil
		}
		row, err := state.Get(r, types.AdverseMarksKey(a.Adverse.Subject))
		if err != nil {
			return err
		}
		if row == nil || !slices.ContainsFunc(row.Marks, func(m *types.AdverseMark) bool { return *m == *want }) {
			return errors.New("no score would know of it")
		}
		return nil
	})
}

// auditMarks: a mark is of a record that leaves it, unless its time is over and the row was not written since.
func (b *Block) auditMarks(r state.Reader) error {
	return each(r, types.AdverseSums, func(subject string, row *types.AdverseMarks) error {
		if len(row.Marks) == 0 || len(row.Marks) > maxMarks {
			return fmt.Errorf("%d marks", len(row.Marks))
		}
		for i, m := range row.Marks {
			if i > 0 && row.Marks[i-1].Record >= m.Record {
				return errors.New("marks out of order")
			}
			a, err := state.Get(r, types.AdverseKey(m.Record))
			if err != nil {
				return err
			}
			if a == nil || a.Adverse.Subject != subject {
				return fmt.Errorf("%s is no adverse record of it", m.Record)
			}
			if want := markOf(m.Record, a, b.Today()); !score.Left(m, b.Today()) && (want == nil || *want != *m) {
				return fmt.Errorf("%s leaves no such mark", m.Record)
			}
		}
		return nil
	})
}
