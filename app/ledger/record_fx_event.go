package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// RecordFxEvent: foreign exchange was received, converted (结汇), paid or declared.
//
// Signed by FOREX, or by the BANK that did it. Writes fx-event/<id>, posts FX to the subject's log. It may name the
// settlement that it belongs to: the subject was paid by it, or paid it, in that currency and no more than that amount.
// Only a conversion states a second currency and amount.

// checkRecordFxEvent refuses what no state could make valid.
func checkRecordFxEvent(m *types.RecordFxEvent) error {
	converted := m.Event == types.FxEvent_FX_CONVERTED
	return firstRefusal(
		types.CheckSourceID(m.Id),
		types.CheckSubjectID(m.Subject),
		checkOptionalDigest(m.Settlement),
		required(m.Event, "event"),
		types.CheckAmount(m.AmountMinor),
		unless(!converted, func() error { return types.CheckAmount(m.ToAmountMinor) }),
		types.CheckCurrency(m.Currency),
		unless(!converted, func() error { return types.CheckCurrency(m.ToCurrency) }),
		checkConversion(m, converted),
		checkEventDay(m.Day),
	)
}

func checkConversion(m *types.RecordFxEvent, converted bool) error {
	switch {
	case !converted && (m.ToCurrency != "" || m.ToAmountMinor != 0):
		return types.Refuse(types.Code_field_not_of_event, "the second currency stands with FX_CONVERTED only")
	case converted && m.ToCurrency == m.Currency:
		return types.Refuse(types.Code_field_not_of_event, "%s is converted into itself", m.Currency)
	}
	return nil
}

// recordFxEvent checks: day, id, subject, settlement and its terms, fixing.
func recordFxEvent(tx *Tx, m *types.RecordFxEvent) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	id := tx.RecordID(m.Id)
	old, err := state.Get(tx, types.FxEventKey(id))
	if err != nil {
		return err
	}
	if old != nil {
		return again(tx, "foreign-exchange event", types.FxEventKey(id), old, old.Provenance)
	}
	if _, err := tx.enterprise(m.Subject); err != nil {
		return err
	}
	if err := tx.ofSettlement(m); err != nil {
		return err
	}
	v := &types.FxRecord{Event: m, Provenance: tx.provenance(m.Day)}
	if err := tx.postFx(id, v); err != nil {
		return err
	}
	return state.Set(tx, types.FxEventKey(id), v)
}

// postFx tells the subject's log of a foreign-exchange event. The caller writes the record.
func (tx *Tx) postFx(id string, v *types.FxRecord) error {
	m := v.Event
	e := tx.entry(types.EntryKind_ENTRY_FX, string(types.FxEventKey(id)), "", v.Provenance)
	e.Day = m.Day
	var err error
	if e.BaseMinor, err = tx.toBase(m.AmountMinor, m.Currency, m.Day); err != nil {
		return err
	}
	n, err := tx.post(m.Subject, e)
	v.Entry = n + 1
	return err
}

// ofSettlement refuses an event that does not fit the settlement it names.
func (tx *Tx) ofSettlement(m *types.RecordFxEvent) error {
	if len(m.Settlement) == 0 {
		return nil
	}
	s, err := state.Get(tx, types.SettlementKey(m.Settlement))
	switch {
	case err != nil:
		return err
	case s == nil:
		return types.Refuse(types.Code_settlement_unknown, "%x", m.Settlement)
	case s.Reversed:
		return types.Refuse(types.Code_settlement_reversed, "on %s", types.FormatDay(s.ReversedDay))
	case s.Payee != m.Subject && s.Payer != m.Subject:
		return types.Refuse(types.Code_fx_terms_differ, "%s neither paid it nor was paid", m.Subject)
	case s.Currency != m.Currency || m.AmountMinor > s.AmountMinor:
		return types.Refuse(types.Code_fx_terms_differ, "it was %d %s", s.AmountMinor, s.Currency)
	}
	return nil
}
