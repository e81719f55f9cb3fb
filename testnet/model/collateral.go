package model

import (
	"slices"
	"strings"

	"tradecredit/types"
)

// What can be lent on, the liens on it, and the fingerprints of its paper.

// collateral is an object of a financing as the rules of lending see it.
type collateral struct {
	object   string // its state key
	owner    string
	currency string
	balance  int64 // what of it can be pledged
	amount   int64 // what base stands for
	base     int64
	whole    bool
	order    string
	dispute  string
	unfit    types.Code // why nobody lends on it now
	paper    string     // whose fingerprints it has; empty: none
	prints   []*types.Fingerprints
	zero     []byte
}

// collateralOf reads an object; its key may name nothing.
func (m *Model) collateralOf(object string) (x collateral, code types.Code) {
	kind, id, _ := strings.Cut(object, "/")
	x = collateral{object: object}
	known := false
	switch kind {
	case "receivable":
		var r types.Receivable
		if r, known = m.receivables.get(types.ReceivableKey(id)); known {
			m.receivableCollateral(id, &r, &x)
		}
	case "declaration":
		var d types.Declaration
		if d, known = m.declarations.get(types.DeclarationKey(id)); known {
			x.owner, x.currency, x.balance, x.amount, x.base, x.order = d.Declarant, d.Currency, d.FinanceableMinor, d.ValueMinor, d.BaseMinor, d.Order
			x.unfit = when(d.FinanceableMinor == 0 || d.ReleasedDay == 0, types.Code_object_not_financeable)
		}
	case "transferable":
		var t types.Transferable
		if t, known = m.transferables.get(types.TransferableKey(id)); known {
			b := t.Document
			x.owner, x.currency, x.balance, x.amount, x.base, x.order = t.Controller, b.Currency, b.AmountMinor, b.AmountMinor, t.BaseMinor, b.Order
			x.whole, x.paper, x.prints = true, object, b.Fingerprints
			x.zero = types.FingerprintZero(b.Controller, "", b.Type, b.IssueDay, b.Currency, b.AmountMinor)
			x.unfit = unless(t.Status == types.TransferableStatus_TRANSFERABLE_LIVE, types.Code_object_not_financeable)
		}
	}
	return x, unless(known, types.Code_object_unknown)
}

func (m *Model) receivableCollateral(id string, r *types.Receivable, x *collateral) {
	b := r.Receivable
	x.owner, x.currency, x.balance, x.amount, x.base, x.order = b.Seller, b.Currency, openOf(r), b.AmountMinor, r.BaseMinor, b.Order
	x.dispute = r.Dispute
	root := rootOf(id, r)
	first := m.receivables.at(types.ReceivableKey(root)).Receivable
	x.paper, x.prints = string(types.ReceivableKey(root)), first.Fingerprints
	x.zero = types.FingerprintZero(first.Seller, first.Debtor, first.Type, first.IssueDay, first.Currency, first.AmountMinor)
	switch {
	case r.Status == types.ReceivableStatus_REJECTED:
		x.unfit = types.Code_object_rejected
	case !owedStill(r) || r.Suppressed != 0:
		x.unfit = types.Code_object_not_financeable
	}
}

func objectOf(object string) types.Code {
	kind, id, _ := strings.Cut(object, "/")
	fits := (kind == "receivable" || kind == "declaration" || kind == "transferable") && types.CheckRecordID(id) == nil
	return unless(fits, types.Code_object_malformed)
}

// baseOf is what so much of an object is in base currency.
func (x *collateral) baseOf(minor int64) int64 { return share(x.base, minor, x.amount) }

// tradeBaseOf is what it takes of its trade: at the order's own rate, if it is in the order's currency.
func (m *Model) tradeBaseOf(x *collateral, minor int64) int64 {
	if o := m.orders.at(types.OrderKey(x.order)); o.Order.Currency == x.currency {
		return share(o.BaseMinor, minor, o.Order.AmountMinor)
	}
	return x.baseOf(minor)
}

// liens are the live liens on an object, or on "order/<id>", a trade.
func (m *Model) liens(object string) []*types.Lien {
	return m.encumbrances.at(types.EncumbranceKey(object)).Liens
}

// setLiens stores the liens of an object, what they hold in base currency, and its reservations of thirty days.
func (m *Model) setLiens(object string, e types.Encumbrance) {
	e.ReservationDays = slices.DeleteFunc(slices.Clone(e.ReservationDays), func(d int32) bool { return d <= m.day-30 })
	e.BaseMinor = 0
	for _, l := range e.Liens {
		e.BaseMinor += l.BaseMinor
	}
	at := types.EncumbranceKey(object)
	if len(e.Liens) == 0 && len(e.ReservationDays) == 0 {
		m.encumbrances.drop(at)
		return
	}
	m.encumbrances.put(at, e)
}

// encumber puts a lien on an object and on its trade.
func (m *Model) encumber(x *collateral, l types.Lien) types.Code {
	e := m.encumbrances.at(types.EncumbranceKey(x.object))
	l.BaseMinor = x.baseOf(l.AmountMinor)
	recent := 0
	for _, d := range e.ReservationDays {
		if d > m.day-30 {
			recent++
		}
	}
	e.Liens = append(slices.Clone(e.Liens), &l)
	e.ReservationDays = append(slices.Clone(e.ReservationDays), m.day)
	code := m.covered(x, e.Liens)
	var trade types.Encumbrance
	if x.order != "" {
		t := l
		t.BaseMinor, t.RegistryNumber = m.tradeBaseOf(x, l.AmountMinor), ""
		trade = m.encumbrances.at(types.EncumbranceKey("order/" + x.order))
		trade.Liens = append(slices.Clone(trade.Liens), &t)
		held := trade.BaseMinor + t.BaseMinor
		code = refusal(code, when(held > m.orders.at(types.OrderKey(x.order)).BaseMinor, types.Code_trade_pledged))
	}
	code = refusal(code, when(recent >= 3, types.Code_too_many_reservations),
		when(len(e.Liens) > 64 || len(trade.Liens) > 64, types.Code_too_many_liens))
	if code != types.Code_ok {
		return code
	}
	m.setLiens(x.object, e)
	if x.order != "" {
		m.setLiens("order/"+x.order, trade)
	}
	return types.Code_ok
}

// covered refuses liens that hold more of an object than it has.
func (m *Model) covered(x *collateral, liens []*types.Lien) types.Code {
	held := int64(0)
	for _, l := range liens {
		held += l.AmountMinor
	}
	return when(held > x.balance || x.whole && len(liens) > 1, types.Code_balance_short)
}

// changeLiens applies f to the lien of a financing on an object, in both rows.
func (m *Model) changeLiens(x *collateral, financing string, f func(l *types.Lien, trade bool)) {
	for _, row := range []string{x.object, "order/" + x.order} {
		if row == "order/" {
			continue
		}
		e := m.encumbrances.at(types.EncumbranceKey(row))
		e.Liens = slices.Clone(e.Liens)
		for i, l := range e.Liens {
			if l.Financing == financing && l.Object == x.object {
				changed := *l
				f(&changed, row != x.object)
				e.Liens[i] = &changed
			}
		}
		m.setLiens(row, e)
	}
	m.closeFallen(x)
}

// disencumber takes the lien of a financing from an object and from its trade.
func (m *Model) disencumber(x *collateral, financing string) {
	for _, row := range []string{x.object, "order/" + x.order} {
		if e, ok := m.encumbrances.get(types.EncumbranceKey(row)); ok {
			e.Liens = slices.DeleteFunc(slices.Clone(e.Liens), func(l *types.Lien) bool {
				return l.Financing == financing && l.Object == x.object
			})
			m.setLiens(row, e)
		}
	}
	m.closeFallen(x)
}

// closeFallen takes from a declaration whose release fell what it secures no more.
func (m *Model) closeFallen(x *collateral) {
	at := types.Key[types.Declaration](x.object)
	if strings.HasPrefix(x.object, "declaration/") && m.declarations.at(at).ReleasedDay == 0 {
		m.declarations.change(at, func(d *types.Declaration) { d.FinanceableMinor = m.secured(x.object) })
	}
}

// print is one fingerprint of a paper.
type print struct {
	number int
	epoch  uint32
	digest []byte
}

// printsOf are F0 and what the gateways made; F5, a declaration's number, is arithmetic of its balance.
func printsOf(x *collateral) []print {
	if x.paper == "" {
		return nil
	}
	out := []print{{0, 0, x.zero}}
	for _, f := range x.prints {
		for _, p := range []print{{1, f.Epoch, f.F1}, {2, f.Epoch, f.F2}, {3, f.Epoch, f.F3}, {4, f.Epoch, f.F4}, {6, f.Epoch, f.F6}} {
			if len(p.digest) > 0 {
				out = append(out, p)
			}
		}
	}
	return out
}

// imprint writes the fingerprints of a paper for a financing. What another paper shares with it refuses or alerts.
func (m *Model) imprint(x *collateral, f *types.Financing) types.Code {
	for _, p := range printsOf(x) {
		at := types.FingerprintKey(p.number, p.epoch, p.digest)
		row := m.fingerprints.at(at)
		for _, h := range row.Hits {
			if h.Object == x.paper {
				continue
			}
			if p.number == 1 || p.number == 6 || m.params.FingerprintRefusal&(1<<p.number) != 0 {
				return types.Code_duplicate_financing
			}
			if h.Financing != f.Id {
				m.alert(f, p, h)
			}
		}
		switch {
		case len(row.Hits) < 64:
			row.Hits = append(slices.Clone(row.Hits), &types.FingerprintHit{Financing: f.Id, Object: x.paper, Lender: f.Lender})
		case p.number == 1 || p.number == 6:
			return types.Code_too_many_liens
		default:
			row.Unnamed++
		}
		m.fingerprints.put(at, row)
	}
	return types.Code_ok
}

// alert tells both lenders.
func (m *Model) alert(f *types.Financing, p print, h *types.FingerprintHit) {
	warn(f, p, h.Financing, h.Lender, m.height)
	m.financings.change(types.FinancingKey(h.Financing), func(other *types.Financing) { warn(other, p, f.Id, f.Lender, m.height) })
}

func warn(f *types.Financing, p print, financing, lender string, height int64) {
	for _, a := range f.Alerts {
		if a.Fingerprint == uint32(p.number) && a.Financing == financing {
			return
		}
	}
	if len(f.Alerts) < 32 {
		f.Alerts = append(slices.Clone(f.Alerts), &types.Alert{Fingerprint: uint32(p.number), Epoch: p.epoch, Financing: financing,
			Lender: lender, Height: height})
	}
}

// unprint takes the fingerprints of a paper away from a financing.
func (m *Model) unprint(x *collateral, financing string) {
	for _, p := range printsOf(x) {
		at := types.FingerprintKey(p.number, p.epoch, p.digest)
		row := m.fingerprints.at(at)
		named := len(row.Hits)
		row.Hits = slices.DeleteFunc(slices.Clone(row.Hits), func(h *types.FingerprintHit) bool {
			return h.Financing == financing && h.Object == x.paper
		})
		if len(row.Hits) == named {
			row.Unnamed--
		}
		if len(row.Hits) == 0 && row.Unnamed == 0 {
			m.fingerprints.drop(at)
		} else {
			m.fingerprints.put(at, row)
		}
	}
}
