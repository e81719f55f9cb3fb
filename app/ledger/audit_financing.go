package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"tradecredit/app/state"
	"tradecredit/types"
)

// auditFinancing checks what must hold of financing, whatever happened before: liens, and the rows of fingerprints, are
// exactly those of the live financings; no object and no trade carries more than it has; what was repaid and covered adds
// up; a document has one controller and stays with him while it is pledged; notices of assignment end with their financing.
func (b *Block) auditFinancing(r state.Reader) error {
	want := expected{liens: map[string][]*types.Lien{}, hits: map[string][]types.FingerprintHit{}, papers: map[string]bool{}}
	repaid := map[string]int64{} // read by key only
	parts, counted := map[string]uint32{}, map[string]int{}
	err := each(r, types.Repayments, func(_ string, p *types.Repayment) error {
		repaid[p.Repayment.Financing] += p.Repayment.AmountMinor
		parts[p.Repayment.Financing]++
		if p.Counted {
			counted[p.Repayment.Financing]++
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = each(r, types.Financings, func(id string, f *types.Financing) error {
		if err := auditRepaid(f, repaid[id], parts[id], counted[id]); err != nil {
			return err
		}
		reserved := f.Status == types.FinancingStatus_RESERVED
		if err := waits(r, f.LapsesUnix, types.DueKind_DUE_RESERVATION, id, reserved); err != nil {
			return err
		}
		if !secured(f) {
			return nil
		}
		return want.financing(r, f)
	})
	if err != nil {
		return err
	}
	for _, audit := range []func(state.Reader) error{
		want.encumbrances, want.fingerprints, auditAssignments, auditTransferables, b.auditOffers, b.auditPolicies,
		auditFallenFinancing,
	} {
		if err := audit(r); err != nil {
			return err
		}
	}
	return nil
}

// auditRepaid: what was repaid is what the repayments say, and what a release closed; nothing is owed on what has ended.
func auditRepaid(f *types.Financing, repaid int64, parts uint32, counted int) error {
	if f.ClosingEntry != 0 {
		parts++
	}
	if f.ClosingCounted {
		counted++
	}
	switch {
	case f.AdvanceMinor > f.ReservedMinor || f.RepaidMinor > f.AdvanceMinor || f.RepaidBaseMinor > f.BaseMinor:
		return fmt.Errorf("%d reserved, %d advanced, %d repaid", f.ReservedMinor, f.AdvanceMinor, f.RepaidMinor)
	case parts != f.Parts || f.ClosingEntry == 0 && repaid != f.RepaidMinor || repaid > f.RepaidMinor:
		return fmt.Errorf("%d repaid in %d parts, the record says %d in %d", repaid, parts, f.RepaidMinor, f.Parts)
	case len(f.ClosingMonths) != len(f.ClosingEntries) || len(f.ClosingMonths) != counted:
		return fmt.Errorf("%d months of %d counted parts, %d say so", len(f.ClosingMonths), len(f.ClosingEntries), counted)
	}
	switch f.Status {
	case types.FinancingStatus_REPAID, types.FinancingStatus_BOUGHT_BACK, types.FinancingStatus_CURED:
		if f.AdvanceMinor == 0 || owed(f) != 0 || f.RepaidBaseMinor != f.BaseMinor {
			return fmt.Errorf("%s with %d owed", f.Status, owed(f))
		}
	case types.FinancingStatus_FINANCED:
		if owed(f) <= 0 {
			return errors.New("FINANCED with nothing owed")
		}
	}
	return nil
}

// expected is what the live financings leave on objects, trades and fingerprints. Its maps are read by key only.
type expected struct {
	liens  map[string][]*types.Lien
	hits   map[string][]types.FingerprintHit
	papers map[string]bool // financing and paper
}

// financing adds what one live financing leaves, and checks its objects.
func (x *expected) financing(r state.Reader, f *types.Financing) error {
	for _, o := range f.Objects {
		c, err := collateralOf(r, o.Object)
		if err != nil {
			return err
		}
		if c.owner != f.Borrower {
			return fmt.Errorf("%s is of %s by now", o.Object, c.owner)
		}
		lien := &types.Lien{
			Financing: f.Id, Lender: f.Lender, Object: o.Object, AmountMinor: o.AmountMinor,
			Reserved: f.Status == types.FinancingStatus_RESERVED,
		}
		x.liens[o.Object] = append(x.liens[o.Object], lien)
		if c.order != "" {
			trade := string(types.OrderKey(c.order))
			x.liens[trade] = append(x.liens[trade], lien)
		}
		if paper := f.Id + " " + c.paper; !x.papers[paper] {
			x.papers[paper] = true
			for _, p := range c.prints {
				hit := types.FingerprintHit{Financing: f.Id, Object: c.paper, Lender: f.Lender}
				x.hits[string(p.key())] = append(x.hits[string(p.key())], hit)
			}
		}
	}
	return nil
}

// encumbrances: every row holds exactly the liens of live financings, and not more than there is.
func (x *expected) encumbrances(r state.Reader) error {
	found := 0
	err := each(r, types.Encumbrances, func(object string, e *types.Encumbrance) error {
		base := int64(0)
		for _, l := range e.Liens {
			base += l.BaseMinor
			if !slices.ContainsFunc(x.liens[object], func(w *types.Lien) bool {
				return w.Financing == l.Financing && w.Lender == l.Lender && w.Object == l.Object &&
					w.AmountMinor == l.AmountMinor && w.Reserved == l.Reserved
			}) {
				return fmt.Errorf("a lien of %s on %s that no live financing has", l.Financing, l.Object)
			}
		}
		switch {
		case len(e.Liens) != len(x.liens[object]) || len(e.Liens) > maxLiens:
			return fmt.Errorf("%d liens, of live financings %d", len(e.Liens), len(x.liens[object]))
		case base != e.BaseMinor:
			return fmt.Errorf("liens of %d, the row says %d", base, e.BaseMinor)
		case len(e.Liens) == 0 && len(e.ReservationDays) == 0:
			return errors.New("it holds nothing")
		}
		if len(e.Liens) > 0 {
			found++
		}
		return auditBalance(r, object, e)
	})
	if err == nil && found != len(x.liens) {
		return fmt.Errorf("audit: %d objects and trades are pledged, %d rows show it", len(x.liens), found)
	}
	return err
}

// auditBalance: liens hold no more than their object has. What a debtor paid since, and a release that customs lost with
// a key in wrong hands, do not undo what was lent before.
func auditBalance(r state.Reader, object string, e *types.Encumbrance) error {
	if id, ok := strings.CutPrefix(object, string(types.Orders)); ok {
		o, err := state.Get(r, types.OrderKey(id))
		if err == nil && (o == nil || e.BaseMinor > o.BaseMinor) {
			return fmt.Errorf("%d of the trade is pledged", e.BaseMinor)
		}
		return err
	}
	c, err := collateralOf(r, object)
	if err != nil {
		return err
	}
	pledged, err := pledgedMinor(e)
	if err != nil {
		return err
	}
	if pledged > c.face || c.whole && len(e.Liens) > 1 {
		return fmt.Errorf("liens of %d on %d", pledged, c.face)
	}
	return nil
}

// fingerprints: every row has exactly the live financings that rest on such a paper, and of F1 and F6 one paper only.
func (x *expected) fingerprints(r state.Reader) error {
	found := 0
	err := each(r, types.Fingerprinted, func(id string, row *types.FingerprintHits) error {
		want := x.hits[string(types.Fingerprinted)+id]
		for _, h := range row.Hits {
			if !slices.Contains(want, *h) {
				return fmt.Errorf("a hit of %s that no live financing makes", h.Financing)
			}
			if (id[0] == '1' || id[0] == '6') && h.Object != row.Hits[0].Object {
				return fmt.Errorf("%s and %s are one paper", h.Object, row.Hits[0].Object)
			}
		}
		if uint64(len(row.Hits))+row.Unnamed != uint64(len(want)) {
			return fmt.Errorf("%d hits and %d more, of live financings %d", len(row.Hits), row.Unnamed, len(want))
		}
		found++
		return nil
	})
	if err == nil && found != len(x.hits) {
		return fmt.Errorf("audit: %d fingerprints of live financings, %d rows show them", len(x.hits), found)
	}
	return err
}

// auditAssignments: a receivable is assigned under a live financing that holds it, through its lender, and the lien says so.
func auditAssignments(r state.Reader) error {
	return each(r, types.Receivables, func(id string, v *types.Receivable) error {
		if v.Assignment == "" {
			if v.Assignee != "" || v.NotifiedDay != 0 || v.AcknowledgedDay != 0 {
				return errors.New("assigned under nothing")
			}
			return nil
		}
		object := string(types.ReceivableKey(id))
		row, err := state.Get(r, types.EncumbranceKey(object))
		if err != nil {
			return err
		}
		if row == nil {
			row = &types.Encumbrance{}
		}
		l := lienOf(row, v.Assignment, object)
		if l == nil || l.Lender != v.Assignee || l.NotifiedDay != v.NotifiedDay {
			return fmt.Errorf("assigned under %s, which has no such lien", v.Assignment)
		}
		return nil
	})
}

// auditTransferables: somebody controls every document, and nobody lends on one that was surrendered.
func auditTransferables(r state.Reader) error {
	return each(r, types.Transferables, func(id string, t *types.Transferable) error {
		e, err := state.Get(r, types.EnterpriseKey(t.Controller))
		if err != nil {
			return err
		}
		if e == nil {
			return errors.New("nobody controls it")
		}
		row, err := state.Get(r, types.EncumbranceKey(string(types.TransferableKey(id))))
		if err == nil && t.Status == types.TransferableStatus_SURRENDERED && row != nil && len(row.Liens) > 0 {
			return errors.New("pledged, and surrendered")
		}
		return err
	})
}

// auditOffers: an open offer waits for its last day, and a consumed one names its financing.
func (b *Block) auditOffers(r state.Reader) error {
	return each(r, types.Offers, func(id string, o *types.Offer) error {
		if (o.Status == types.OfferStatus_OFFER_CONSUMED) != (o.Financing != "") {
			return fmt.Errorf("%s by %q", o.Status, o.Financing)
		}
		return waits(r, b.endOfDay(o.Offer.UntilDay), types.DueKind_DUE_OFFER, id, o.Status == types.OfferStatus_OFFER_OPEN)
	})
}

// auditPolicies: what was paid on a policy is what its claims say, within its cover; a live one waits for its end.
func (b *Block) auditPolicies(r state.Reader) error {
	paid := map[string]int64{} // read by key only
	filed := map[string]uint32{}
	err := each(r, types.Claims, func(_ string, c *types.Claim) error {
		switch c.Claim.Event {
		case types.ClaimEvent_CLAIM_PAID:
			paid[c.Claim.Policy] += c.Claim.AmountMinor
		case types.ClaimEvent_CLAIM_FILED:
			filed[c.Claim.Policy]++
		}
		if answered := c.AnsweredBy != ""; answered != (c.State != c.Claim.Event) {
			return fmt.Errorf("%s is %s, answered by %q", c.Claim.Event, c.State, c.AnsweredBy)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return each(r, types.Policies, func(id string, p *types.Policy) error {
		if paid[id] != p.PaidMinor || p.PaidMinor > p.Policy.AmountMinor || filed[id] != p.Claims {
			return fmt.Errorf("%d paid on %d claims, the record says %d on %d", paid[id], filed[id], p.PaidMinor, p.Claims)
		}
		return waits(r, b.endOfDay(p.Policy.UntilDay), types.DueKind_DUE_POLICY, id, p.Status == types.PolicyStatus_POLICY_LIVE)
	})
}
