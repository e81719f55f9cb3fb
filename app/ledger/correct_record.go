package ledger

import (
	"bytes"
	"strings"

	"tradecredit/app/state"
	"tradecredit/types"
)

// CorrectRecord: who signed a record puts a new version in its place.
//
// Signed by the original signer, with a key of the same role. Changes the record, writes version/<record>/<n> with what it
// was, and posts CORRECTED to the logs that the record stands in; rows that counted leave the sums, and the corrected ones
// take their place. Only records that carry no money can be corrected, and of those only what moved no state: the day,
// place, amounts and digests of an event, not what it is about. Money has its own messages, which both sides see:
// reverse_settlement, adjust_receivable, void_receivable, amend_order, an amended declaration. So has a delivery that
// nobody independent signed: a broken promise is not mended by moving its day.
//
// The record keeps the height and time of its first version. Whether it is LATE follows from its new day and that time.

// maxCorrections is how often one record may be corrected.
const maxCorrections = 32

// correctable is a kind of record, and how a new version takes its place.
type correctable struct {
	prefix  string
	message string // that makes such a record
	check   func(types.Msg) error
	// correct makes the new version of the record in value, and takes the old one's part in sums and states. It returns
	// the new value, or refuses.
	correct func(tx *Tx, c *correction) (newer []byte, err error)
}

var correctables = []correctable{
	{string(types.Movements), "record_logistics_event", checking(checkRecordLogisticsEvent), correctMovement},
	{string(types.Traces), "record_trace", checking(checkRecordTrace), correctTrace},
	{string(types.TaxEvents), "record_tax_event", checking(checkRecordTaxEvent), correctTaxEvent},
	{string(types.FxEvents), "record_fx_event", checking(checkRecordFxEvent), correctFxEvent},
	{string(types.Adverses), "record_adverse", checking(checkRecordAdverse), correctAdverse},
	{string(types.Policies), "record_policy", checking(checkRecordPolicy), correctPolicy},
}

func checking[M types.Msg](check func(M) error) func(types.Msg) error {
	return func(m types.Msg) error { return check(m.(M)) }
}

// correction is one at work.
type correction struct {
	id      string // of the record
	key     string
	value   []byte // as it is
	msg     types.Msg
	content []byte // digest by which the new version's content is told
}

// checkCorrectRecord refuses what no state could make valid.
func checkCorrectRecord(m *types.CorrectRecord) error {
	kind, id := correctableOf(m.Record)
	if kind == nil {
		return types.Refuse(types.Code_not_correctable, "%.80q: a movement, trace, tax event, foreign-exchange event, adverse record or policy; money has its own messages", m.Record)
	}
	if err := types.CheckRecordID(id); err != nil {
		return err
	}
	msg := m.Get()
	if msg == nil {
		return types.Refuse(types.Code_enum_required, "replacement")
	}
	if row := types.RowOf(msg); row.Name != kind.message {
		return types.Refuse(types.Code_field_not_of_event, "%s is made by %s, not by %s", m.Record, kind.message, row.Name)
	}
	return kind.check(msg)
}

// correctableOf splits a state key into the kind of its record and the record's id; nil when it cannot be corrected.
func correctableOf(key string) (*correctable, string) {
	for i := range correctables {
		if id, ok := strings.CutPrefix(key, correctables[i].prefix); ok {
			return &correctables[i], id
		}
	}
	return nil, ""
}

// correctRecord checks: record, signer, whether it fell, whether anything changes, number of corrections, then what the
// kind of record checks.
func correctRecord(tx *Tx, m *types.CorrectRecord) error {
	kind, id := correctableOf(m.Record)
	value, err := tx.Get(m.Record)
	if err != nil {
		return err
	}
	if value == nil {
		return types.Refuse(types.Code_record_unknown, "%s", m.Record)
	}
	c := &correction{id: id, key: m.Record, value: bytes.Clone(value), msg: m.Get()}
	c.content = types.ContentDigest("", c.msg)
	n, err := tx.corrections(m.Record)
	if err != nil {
		return err
	}
	newer, err := kind.correct(tx, c)
	if err != nil {
		return err
	}
	if n > maxCorrections {
		return types.Refuse(types.Code_not_correctable, "%s was corrected %d times", m.Record, maxCorrections)
	}
	old := &types.RecordVersion{
		Record: m.Record, Value: c.value, UntilHeight: tx.Block.Height, CorrectedBy: tx.provenance(tx.Block.Today()), Reason: m.Reason,
	}
	if err := state.Set(tx, types.VersionKey(m.Record, n), old); err != nil {
		return err
	}
	tx.Set(m.Record, newer)
	return nil
}

// corrections is the number that the next correction of a record has, from 1.
func (tx *Tx) corrections(record string) (uint32, error) {
	for n := uint32(1); ; n++ {
		v, err := state.Get(tx, types.VersionKey(record, n))
		if err != nil || v == nil || n > maxCorrections {
			return n, err
		}
	}
}

// mayCorrect refuses whoever did not sign the record, a record that fell or left the scores after a dispute, an id that is
// not the record's own, and a new version that is the old one. Then p says what the new version's provenance is, for an event of that day.
func (tx *Tx) mayCorrect(c *correction, p *types.Provenance, source string, day int32) error {
	switch {
	case p.Signer != tx.Sender.ID || p.Role != tx.Sender.Key.Role:
		return types.Refuse(types.Code_not_the_original_signer, "%s signed %s as %s", p.Signer, c.key, p.Role)
	case c.id != tx.RecordID(source):
		return types.Refuse(types.Code_not_correctable, "the new version has the record's own id, not %q", source)
	case p.Fallen:
		return types.Refuse(types.Code_not_correctable, "%s fell with the key that signed it", c.key)
	case bytes.Equal(p.Content, c.content):
		return types.Refuse(types.Code_correction_changes_nothing, "%s says so already", c.key)
	}
	row, err := state.Get(tx, types.DisputedItemKey(c.key))
	if err != nil {
		return err
	}
	if row != nil && row.Left {
		return types.Refuse(types.Code_not_correctable, "%s left the scores with %s", c.key, row.Last)
	}
	if err := tx.eventDay(day); err != nil {
		return err
	}
	p.Content = c.content
	late := types.DayOf(p.Unix, tx.Block.Chain.DayOffsetS)-day > lateDays
	p.Backfill = late && (p.Backfill || tx.inWindow(day))
	p.Late, p.Counted = late, !late || p.Backfill || tx.roleCounts(p.Evidence)
	return nil
}

// corrected tells a subject's log that a record has a new version. The rows of that version follow.
func (tx *Tx) corrected(c *correction, subject, counterparty string) error {
	act := tx.provenance(tx.Block.Today())
	e := tx.entry(types.EntryKind_ENTRY_CORRECTED, c.key, counterparty, act)
	e.Day = tx.Block.Today()
	_, err := tx.post(subject, e)
	return err
}

// stays refuses a new version that is about something else.
func stays(same bool, what string) error {
	if same {
		return nil
	}
	return types.Refuse(types.Code_not_correctable, "what stays as it is: %s; record another one, and dispute or revoke this", what)
}
