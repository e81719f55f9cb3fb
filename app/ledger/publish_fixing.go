package ledger

import (
	"bytes"

	"tradecredit/app/state"
	"tradecredit/types"
)

// PublishFixing: the foreign-exchange authority says what a currency was worth on a day.
//
// Signed by FOREX. Writes fixing/<currency>/<day>, once and for ever. Orders, declarations and receivables take the
// latest fixing of their day or the ten days before, and keep it. A rate that jumps is set by vote of the council, and
// only such a rate is: its provenance names who proposed it, and it rests on the vote, so it never falls with a key.

// fixingJump is the part of a rate, as 1/n, beyond which a fixing needs the council: 20 %.
const fixingJump = 5

// checkPublishFixing refuses what no state could make valid.
func checkPublishFixing(m *types.PublishFixing) error {
	return firstRefusal(types.CheckCurrency(m.Currency), types.CheckRate(m.RateE9), checkEventDay(m.Day))
}

// publishFixing checks: day, whether there is one, currency, jump.
func publishFixing(tx *Tx, m *types.PublishFixing) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	key := types.FixingKey(m.Currency, m.Day)
	old, err := state.Get(tx, key)
	switch {
	case err != nil:
		return err
	case old != nil && old.RateE9 == m.RateE9 && bytes.Equal(old.Provenance.GetContent(), tx.Content()):
		return again(tx, "fixing", key, old, old.Provenance)
	case old != nil && old.RateE9 == m.RateE9:
		return types.Refuse(types.Code_already_recorded, "%s of %s stands since height %d", m.Currency, types.FormatDay(m.Day), old.Provenance.Height)
	case old != nil:
		return types.Refuse(types.Code_fixing_exists, "%s of %s is %d", m.Currency, types.FormatDay(m.Day), old.RateE9)
	case m.Currency == tx.Block.Chain.BaseCurrency:
		return types.Refuse(types.Code_fixing_of_base_currency, "%s is worth itself", m.Currency)
	}
	before, err := jumps(tx, m)
	if err != nil {
		return err
	}
	if before != nil {
		return types.Refuse(types.Code_fixing_jump_needs_council, "%d after %d on %s", m.RateE9, before.RateE9, types.FormatDay(before.Day))
	}
	return state.Set(tx, key, &types.Fixing{Currency: m.Currency, Day: m.Day, RateE9: m.RateE9, Provenance: tx.provenance(m.Day)})
}

// setJump writes a fixing that the council decided. It checks like publishFixing, and that the rate does jump.
func (b *Block) setJump(w *state.Batch, p *types.Proposal, m *types.PublishFixing) error {
	if today := b.Today(); m.Day > today+1 {
		return types.Refuse(types.Code_day_too_late, "%s lies after tomorrow; today is %s", types.FormatDay(m.Day), types.FormatDay(today))
	}
	key := types.FixingKey(m.Currency, m.Day)
	old, err := state.Get(w, key)
	switch {
	case err != nil:
		return err
	case old != nil && old.RateE9 == m.RateE9:
		return types.Refuse(types.Code_already_recorded, "%s of %s stands since height %d", m.Currency, types.FormatDay(m.Day), old.Provenance.Height)
	case old != nil:
		return types.Refuse(types.Code_fixing_exists, "%s of %s is %d", m.Currency, types.FormatDay(m.Day), old.RateE9)
	case m.Currency == b.Chain.BaseCurrency:
		return types.Refuse(types.Code_fixing_of_base_currency, "%s is worth itself", m.Currency)
	}
	before, err := jumps(w, m)
	if err != nil {
		return err
	}
	if before == nil {
		return types.Refuse(types.Code_fixing_jump_absent, "the foreign-exchange authority publishes a rate like this itself")
	}
	decided := *p.Provenance
	decided.Height, decided.Unix, decided.Content = b.Height, b.Unix, types.ContentDigest("", m)
	return state.Set(w, key, &types.Fixing{Currency: m.Currency, Day: m.Day, RateE9: m.RateE9, Provenance: &decided})
}

// jumps returns the fixing before, of the ten days before, from which a rate jumps by more than a fifth; nil when it does not.
func jumps(r state.Reader, m *types.PublishFixing) (*types.Fixing, error) {
	before, err := latestFixing(r, m.Currency, m.Day-1, m.Day-fixingMaxAge)
	// Rates are at most 10^15, so nothing here can overflow.
	if err != nil || before == nil || max(m.RateE9-before.RateE9, before.RateE9-m.RateE9)*fixingJump <= before.RateE9 {
		return nil, err
	}
	return before, nil
}

// fixing returns the latest fixing of a currency from a day back to the earliest, nil when there is none.
func (tx *Tx) fixing(currency string, from, earliest int32) (*types.Fixing, error) {
	return latestFixing(tx, currency, from, earliest)
}

func latestFixing(r state.Reader, currency string, from, earliest int32) (*types.Fixing, error) {
	for day := from; day >= earliest; day-- {
		f, err := state.Get(r, types.FixingKey(currency, day))
		if err != nil || f != nil {
			return f, err
		}
	}
	return nil, nil
}
