package ledger

import (
	"slices"
	"strings"

	"tradecredit/app/state"
	"tradecredit/types"
)

// SplitReceivable: the holder cuts a receivable into 2 to 16 smaller ones, to pass them on one by one.
//
// Signed by the seller, itself or through its delegate, while nothing was paid, credited or written off. Writes a
// receivable/<id> for each child, changes the one that is split to SPLIT for good, and the root if that is another; posts
// RECEIVABLE_SPLIT to both logs. Children have parties, order, terms, rate, commitment, fingerprints and acceptance of the
// one that was split; amounts and base amounts add up to its own, the latter by cumulative rounding. No sum changes: scores
// go on counting one paper (paper.go). Anyone of them can be split again, until the eighth split.

const (
	minSplitChildren = 2
	maxSplitChildren = 16
	maxSplits        = 8 // above any receivable
)

// checkSplitReceivable refuses what no state could make valid.
func checkSplitReceivable(m *types.SplitReceivable) error {
	if err := types.CheckRecordID(m.Receivable); err != nil {
		return err
	}
	for _, c := range m.Children {
		if err := firstRefusal(types.CheckSourceID(c.Id), types.CheckAmount(c.AmountMinor)); err != nil {
			return err
		}
	}
	if n := len(m.Children); n < minSplitChildren || n > maxSplitChildren {
		return types.Refuse(types.Code_count_out_of_range, "%d children, %d to %d are possible", n, minSplitChildren, maxSplitChildren)
	}
	if err := checkEventDay(m.Day); err != nil {
		return err
	}
	for i, c := range m.Children {
		if slices.ContainsFunc(m.Children[:i], func(b *types.SplitChild) bool { return b.Id == c.Id }) {
			return types.Refuse(types.Code_id_taken, "two children are called %s", c.Id)
		}
	}
	return nil
}

// splitReceivable checks: day, ids of the children, receivable, the signer's part, state, issue day, liens and assignment,
// sum, levels, dispute.
func splitReceivable(tx *Tx, m *types.SplitReceivable) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	if known, err := tx.splitBefore(m); err != nil || known {
		return err
	}
	p, err := tx.paper(m.Receivable)
	if err != nil {
		return err
	}
	if err := tx.actsFor(p.r.Receivable.Seller, 0); err != nil {
		return err
	}
	if err := p.divisible(m); err != nil {
		return err
	}
	return p.divide(m)
}

// splitBefore looks at the ids of the children. One split is one message: all of its children are confirmed again, or none.
func (tx *Tx) splitBefore(m *types.SplitReceivable) (known bool, err error) {
	for _, c := range m.Children {
		key := types.ReceivableKey(tx.RecordID(c.Id))
		old, err := state.Get(tx, key)
		if err != nil {
			return false, err
		}
		if old == nil {
			continue
		}
		if err := again(tx, "receivable", key, old, old.Provenance); err != nil {
			return false, err
		}
		known = true
	}
	return known, nil
}

// divisible refuses what cannot be split so.
func (p *paper) divisible(m *types.SplitReceivable) error {
	r := p.r
	switch r.Status {
	case types.ReceivableStatus_ISSUED, types.ReceivableStatus_ACCEPTED:
	default:
		return p.forbids("it cannot be split")
	}
	if !untouched(r) {
		return p.forbids("a part of it was closed")
	}
	if err := firstRefusal(p.sinceIssue(m.Day), p.unlocked()); err != nil {
		return err
	}
	left := openMinor(r)
	for _, c := range m.Children {
		left -= min(c.AmountMinor, left+1)
	}
	switch {
	case r.Assignee != "":
		return types.Refuse(types.Code_receivable_locked, "the debtor was told to pay it through %s", r.Assignee)
	case left != 0:
		return types.Refuse(types.Code_split_sum_differs, "%d is open, the children have another sum", openMinor(r))
	case r.Level >= maxSplits:
		return types.Refuse(types.Code_split_too_deep, "it came of %d splits", r.Level)
	case r.Dispute != "":
		return types.Refuse(types.Code_object_disputed, "%s", r.Dispute)
	}
	return nil
}

// divide makes the children and leaves the one that is split behind.
func (p *paper) divide(m *types.SplitReceivable) error {
	r, root, act := p.r, p.root, p.tx.provenance(m.Day)
	children, err := p.children(m, act)
	if err != nil {
		return err
	}
	if r.Experience {
		if err := p.share(uint32(len(children))); err != nil {
			return err
		}
	}
	if root.SplitSum == nil {
		root.SplitSum = &types.SplitSum{}
		p.was = end{}
	}
	r.Status, r.Experience, r.ObligationEntry, r.ClaimEntry = types.ReceivableStatus_SPLIT, false, 0, 0
	p.ends(act, m.Day, 0)
	if r != root {
		// The tax authority's word for the invoice is about the paper.
		if root.TaxVerifiedBy == "" {
			root.TaxVerifiedBy = r.TaxVerifiedBy
		}
		r.TaxVerifiedBy = ""
	}
	if err := p.follow(); err != nil {
		return err
	}
	for _, c := range children {
		id := p.tx.RecordID(c.Receivable.Id)
		child := &paper{tx: p.tx, id: id, r: c, rootID: p.rootID, root: root}
		if err := child.follow(); err != nil {
			return err
		}
		if err := state.Set(p.tx, types.ReceivableKey(id), c); err != nil {
			return err
		}
		r.Children = append(r.Children, id)
	}
	if err := p.postSplit(act, m.Day); err != nil {
		return err
	}
	return p.write()
}

// children are what a receivable is split into.
func (p *paper) children(m *types.SplitReceivable, act *types.Provenance) ([]*types.Receivable, error) {
	r, whole := p.r, p.r.Receivable.AmountMinor
	amount, base := int64(0), int64(0)
	var out []*types.Receivable
	for _, c := range m.Children {
		amount += c.AmountMinor // they add up to whole
		share, err := types.Share(r.BaseMinor, amount, whole)
		if err != nil {
			return nil, err
		}
		terms, provenance := *r.Receivable, *act
		terms.Id, terms.AmountMinor = c.Id, c.AmountMinor
		provenance.Late, provenance.Backfill, provenance.Counted = r.Provenance.Late, r.Provenance.Backfill, r.Provenance.Counted
		provenance.Evidence = r.Provenance.Evidence
		legs := uint32(0)
		if acceptanceLeg(r) {
			legs = r.Legs & legInvoice
		}
		out = append(out, &types.Receivable{
			Receivable: &terms, Provenance: &provenance, Status: r.Status, BaseMinor: share - base, Related: r.Related,
			Experience: r.Experience, Accepted: r.Accepted, AcceptedBy: r.AcceptedBy, AcceptedIndependent: r.AcceptedIndependent,
			AcceptedCounts: r.AcceptedCounts, ObligationEntry: r.ObligationEntry, ClaimEntry: r.ClaimEntry,
			ObligationFallen: r.ObligationFallen, IssuedEntry: r.IssuedEntry, Legs: legs,
			Root: p.rootID, Parent: p.id, Level: r.Level + 1, Suppressed: r.Suppressed,
		})
		base = share
	}
	return out, nil
}

// share lets so many children rest on the obligation that the receivable rested on.
func (p *paper) share(children uint32) error {
	e, err := p.tx.logRow(p.r.Receivable.Debtor, p.r.ObligationEntry-1)
	if err != nil {
		return err
	}
	switch id := strings.TrimPrefix(e.Record, string(types.Receivables)); id {
	case p.id:
		p.r.ObligationShares = children
	case p.rootID:
		p.root.ObligationShares += children - 1
	default:
		origin, err := p.tx.receivable(id)
		if err != nil {
			return err
		}
		origin.ObligationShares += children - 1
		return state.Set(p.tx, types.ReceivableKey(id), origin)
	}
	return nil
}

// postSplit tells both logs. Nothing moves in the sums.
func (p *paper) postSplit(act *types.Provenance, day int32) error {
	m := p.r.Receivable
	e := p.tx.entry(types.EntryKind_ENTRY_RECEIVABLE_SPLIT, string(types.ReceivableKey(p.id)), m.Debtor, act)
	e.Day, e.DueDay, e.BaseMinor, e.Counted = day, m.DueDay, p.r.BaseMinor, false
	if _, err := p.tx.post(m.Seller, e); err != nil {
		return err
	}
	e.Counterparty = m.Seller
	_, err := p.tx.post(m.Debtor, e)
	return err
}
