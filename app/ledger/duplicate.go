package ledger

import (
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Duplicate financing: one paper under two ids, with one bank or two. Fingerprints of the paper are equal wherever it is
// brought again. Their rows are written when an object is reserved, not when it is issued, and go with the lien: a hit is
// always a live one.
//
// The same object again is no duplicate but arithmetic of its balance. F5, the number of a customs declaration, is not
// among the rows: a declaration financed twice meets its own balance, and with a receivable or a bill of lading of the
// same trade that of their order.

const (
	// maxHits bounds the financings that a fingerprint's row names. Of F1 and F6, on which no other paper may hit, it bounds
	// the live financings of one paper, however it was split.
	maxHits = maxLiens
	// maxAlerts bounds the alerts of a financing; more of them say nothing new.
	maxAlerts = 32
)

// fingerprint is one of a paper's: number 0 to 6, epoch 0 for F0, and the digest.
type fingerprint struct {
	number int
	epoch  uint32
	digest []byte
}

func (p fingerprint) key() types.Key[types.FingerprintHits] {
	return types.FingerprintKey(p.number, p.epoch, p.digest)
}

// decisive tells whether a hit on it always refuses: F1 has every field of the paper, F6 the number of its tax invoice.
func (p fingerprint) decisive() bool { return p.number == 1 || p.number == 6 }

// refuses tells whether a hit on it refuses: parameter fingerprint_refusal has a bit for each besides F1 and F6.
func (p fingerprint) refuses(params *types.Parameters) bool {
	return p.decisive() || params.FingerprintRefusal&(1<<p.number) != 0
}

// fingerprintsOf lists F0 and what the gateways made of each epoch.
func fingerprintsOf(zero []byte, epochs []*types.Fingerprints) []fingerprint {
	out := []fingerprint{{0, 0, zero}}
	for _, e := range epochs {
		for _, p := range [...]fingerprint{{1, e.Epoch, e.F1}, {2, e.Epoch, e.F2}, {3, e.Epoch, e.F3}, {4, e.Epoch, e.F4}, {6, e.Epoch, e.F6}} {
			if len(p.digest) > 0 {
				out = append(out, p)
			}
		}
	}
	return out
}

// imprint writes the fingerprints of an object's paper for a new financing. A hit of another paper refuses with
// duplicate_financing, or leaves an alert with both financings. It is called once for every paper of a financing; the
// caller writes f.
func (tx *Tx) imprint(f *types.Financing, c *collateral) error {
	for _, p := range c.prints {
		row, err := state.Get(tx, p.key())
		if err != nil {
			return err
		}
		if row == nil {
			row = &types.FingerprintHits{}
		}
		for _, h := range row.Hits {
			if h.Object == c.paper {
				continue
			}
			if p.refuses(tx.Block.Params) {
				return types.Refuse(types.Code_duplicate_financing, "F%d of %s: that paper secures %s", p.number, c.object, h.Financing)
			}
			if err := tx.alert(f, p, h); err != nil {
				return err
			}
		}
		switch {
		case len(row.Hits) < maxHits:
			row.Hits = append(row.Hits, &types.FingerprintHit{Financing: f.Id, Object: c.paper, Lender: f.Lender})
		case p.decisive():
			return types.Refuse(types.Code_too_many_liens, "%d financings rest on the paper of %s", maxHits, c.object)
		default:
			row.Unnamed++
		}
		if err := state.Set(tx, p.key(), row); err != nil {
			return err
		}
	}
	return nil
}

// alert tells both lenders that their financings rest on papers that look alike.
func (tx *Tx) alert(f *types.Financing, p fingerprint, h *types.FingerprintHit) error {
	if h.Financing == f.Id { // its lender has both papers before him
		return nil
	}
	note := types.Alert{Fingerprint: uint32(p.number), Epoch: p.epoch, Financing: h.Financing, Lender: h.Lender, Height: tx.Block.Height}
	warn(f, note)
	other, err := tx.financing(h.Financing)
	if err != nil {
		return err
	}
	note.Financing, note.Lender = f.Id, f.Lender
	warn(other, note)
	return state.Set(tx, types.FinancingKey(h.Financing), other)
}

// warn adds an alert, once for each fingerprint and financing whatever the epoch.
func warn(f *types.Financing, note types.Alert) {
	same := func(a *types.Alert) bool { return a.Fingerprint == note.Fingerprint && a.Financing == note.Financing }
	if len(f.Alerts) < maxAlerts && !slices.ContainsFunc(f.Alerts, same) {
		f.Alerts = append(f.Alerts, &note)
	}
}

// unprint takes the fingerprints of a paper away when the financing that rests on it ends. A row that is empty then is
// deleted, so its absence proves that no live financing rests on that fingerprint.
func (tx *Tx) unprint(f *types.Financing, c *collateral) error {
	for _, p := range c.prints {
		row, err := there(tx, p.key())
		if err != nil {
			return err
		}
		i := slices.IndexFunc(row.Hits, func(h *types.FingerprintHit) bool { return h.Financing == f.Id && h.Object == c.paper })
		switch {
		case i >= 0:
			row.Hits = slices.Delete(row.Hits, i, i+1)
		case row.Unnamed > 0:
			row.Unnamed--
		default:
			return types.Refuse(types.Code_inconsistent_state, "%s does not know %s", string(p.key()), f.Id)
		}
		if len(row.Hits) == 0 && row.Unnamed == 0 {
			tx.Delete(string(p.key()))
		} else if err := state.Set(tx, p.key(), row); err != nil {
			return err
		}
	}
	return nil
}
