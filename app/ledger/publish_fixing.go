package ledger

import (
	"bytes"

	"tradecredit/app/state"
	"tradecredit/types"
)

// PublishFixing: the foreign-exchange authority says what a currency was worth on a day.
//
// Signed by FOREX. Writes fixing/<currency>/<day>, once and for ever. Orders, declarations and receivables take the
// latest fixing of their day or the ten days before, and keep it.

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
	before, err := tx.fixing(m.Currency, m.Day-1, m.Day-fixingMaxAge)
	if err != nil {
		return err
	}
	// Rates are at most 10^15, so nothing here can overflow.
	if before != nil && max(m.RateE9-before.RateE9, before.RateE9-m.RateE9)*fixingJump > before.RateE9 {
		return types.Refuse(types.Code_fixing_jump_needs_council, "%d after %d on %s", m.RateE9, before.RateE9, types.FormatDay(before.Day))
	}
	return state.Set(tx, key, &types.Fixing{Currency: m.Currency, Day: m.Day, RateE9: m.RateE9, Provenance: tx.provenance(m.Day)})
}

// fixing returns the latest fixing of a currency from a day back to the earliest, nil when there is none.
func (tx *Tx) fixing(currency string, from, earliest int32) (*types.Fixing, error) {
	for day := from; day >= earliest; day-- {
		f, err := state.Get(tx, types.FixingKey(currency, day))
		if err != nil || f != nil {
			return f, err
		}
	}
	return nil, nil
}
