package ledger

import (
	"bytes"
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// lateDays: a record whose event day lies further back is LATE (LEDGER.md §2).
const lateDays = 30

// fixingMaxAge is how old, in days, a fixing may be when an obligation takes its rate (LEDGER.md §2).
const fixingMaxAge = 10

// checkEventDay refuses days that no block could accept. The upper end depends on D: see Tx.eventDay.
func checkEventDay(day int32) error {
	if day < types.MinDay {
		return types.Refuse(types.Code_day_too_early, "day %d lies before 2000-01-01", day)
	}
	return nil
}

// eventDay refuses a day after tomorrow: event days lie between 2000-01-01 and D+1.
func (tx *Tx) eventDay(day int32) error {
	if today := tx.Block.Today(); day > today+1 {
		return types.Refuse(types.Code_day_too_late, "%s lies after tomorrow; today is %s", types.FormatDay(day), types.FormatDay(today))
	}
	return checkEventDay(day)
}

// expiry refuses a last day that has passed or lies more than maxDays ahead.
func (tx *Tx) expiry(day, maxDays int32) error {
	today := tx.Block.Today()
	switch {
	case day < today:
		return types.Refuse(types.Code_expiry_passed, "%s has passed", types.FormatDay(day))
	case day > today+maxDays:
		return types.Refuse(types.Code_expiry_too_far, "%s is more than %d days ahead", types.FormatDay(day), maxDays)
	}
	return nil
}

// enterprise returns a registered subject; unknown and lapsed ones are refused.
func (tx *Tx) enterprise(subject string) (*types.Enterprise, error) {
	e, err := state.Get(tx, types.EnterpriseKey(subject))
	switch {
	case err != nil:
		return nil, err
	case e == nil:
		return nil, types.Refuse(types.Code_enterprise_unknown, "%s is not registered", subject)
	case e.Status == types.EnterpriseStatus_LAPSED_ENTERPRISE:
		return nil, types.Refuse(types.Code_enterprise_lapsed, "the registration of %s lapsed; register it again", subject)
	}
	return e, nil
}

// actsFor refuses a signer that may not act for subject: it must be the subject itself with its own key, or a member on
// its behalf under a live mandate or delegation that covers this message and base amount (0: no amount).
func (tx *Tx) actsFor(subject string, baseMinor int64) error {
	switch {
	case tx.Relation == types.SubjectSelf && tx.Sender.ID == subject:
		return nil
	case tx.Relation == types.ByMandate && tx.OnBehalfOf == subject:
		d, err := tx.delegation(subject, tx.Sender.ID)
		if err != nil {
			return err
		}
		return tx.covers(d, baseMinor)
	}
	return types.Refuse(types.Code_not_a_party, "%s does not act for %s here", tx.Sender.ID, subject)
}

// delegation returns the live delegation of a subject to a member.
func (tx *Tx) delegation(subject, member string) (*types.Delegation, error) {
	d, err := state.Get(tx, types.DelegationKey(subject, member))
	switch {
	case err != nil:
		return nil, err
	case d == nil:
		return nil, types.Refuse(types.Code_delegation_missing, "%s gave %s no mandate", subject, member)
	case d.Status == types.DelegationStatus_DELEGATION_PENDING:
		return nil, types.Refuse(types.Code_delegation_pending, "an unrelated member has yet to confirm the registration of %s", subject)
	case d.Status == types.DelegationStatus_DELEGATION_REVOKED:
		return nil, types.Refuse(types.Code_delegation_revoked, "%s withdrew the mandate of %s", subject, member)
	case d.Mandate.UntilDay < tx.Block.Today():
		return nil, types.Refuse(types.Code_delegation_expired, "the mandate ended on %s", types.FormatDay(d.Mandate.UntilDay))
	}
	return d, nil
}

func (tx *Tx) covers(d *types.Delegation, baseMinor int64) error {
	if _, ok := slices.BinarySearch(d.Mandate.Messages, tx.Row.Name); !ok {
		return types.Refuse(types.Code_delegation_message_not_covered, "the mandate does not cover %s", tx.Row.Name)
	}
	if limit := d.Mandate.AmountLimitMinor; limit > 0 && baseMinor > limit {
		return types.Refuse(types.Code_delegation_limit_exceeded, "%d is above the mandate's %d", baseMinor, limit)
	}
	return nil
}

// independent tells whether another member of another control group stands against the given one (LEDGER.md §2).
// An act under mandate counts as its delegate's, so signer is always who held the key.
func independent(signer, group, otherSigner, otherGroup string) bool {
	return signer != otherSigner && group != otherGroup
}

// groupOf returns the control group of whoever signed: a member's, or an enterprise's own.
func (tx *Tx) groupOf(signer string) (string, error) {
	if types.IsSubjectID(signer) {
		e, err := state.Get(tx, types.EnterpriseKey(signer))
		if err != nil || e == nil {
			return "", err
		}
		return e.Registration.ControlGroup, nil
	}
	m, err := state.Get(tx, types.MemberKey(signer))
	if err != nil || m == nil {
		return "", err
	}
	return m.ControlGroup, nil
}

// provenance is the head of a record made by this message, whose event day is day.
// A LATE record counts only if its source signed it as CUSTOMS, TAX or BANK, or inside a backfill window.
func (tx *Tx) provenance(day int32) *types.Provenance {
	late := tx.Block.Today()-day > lateDays
	backfill := late && tx.inWindow(day)
	return &types.Provenance{
		Signer: tx.Sender.ID, Key: tx.Sender.Key.Id, Role: tx.Sender.Key.Role, OnBehalfOf: tx.OnBehalfOf,
		Evidence: tx.Evidence, Height: tx.Block.Height, Unix: tx.Block.Unix,
		Late: late, Backfill: backfill, Counted: !late || backfill || tx.sourceCounts(),
		Origin: tx.Body.Origin, Content: tx.Content(), Lists: tx.Block.lists.GetRevision(),
	}
}

// sourceCounts tells whether what this message says counts however late it comes.
func (tx *Tx) sourceCounts() bool { return tx.roleCounts(tx.Evidence) }

// roleCounts is the same for evidence that the signer's role made earlier.
func (tx *Tx) roleCounts(evidence types.Evidence) bool {
	if evidence == types.Evidence_SOURCE_SIGNED {
		switch tx.Sender.Key.Role {
		case types.Role_CUSTOMS, types.Role_TAX, types.Role_BANK:
			return true
		}
	}
	return false
}

// inWindow tells whether a backfill window of the signer covers a day.
func (tx *Tx) inWindow(day int32) bool {
	if tx.Sender.Member == nil {
		return false
	}
	for _, w := range tx.Sender.Member.Backfills {
		if w.FromDay <= day && day <= w.UntilDay && tx.Block.Unix < w.ClosesUnix {
			return true
		}
	}
	return false
}

// fresh refuses a record whose id exists: already_recorded when the content is the same, else id_taken.
// old is the existing record's provenance, nil when there is none.
func (tx *Tx) fresh(kind, id string, old *types.Provenance) error {
	switch {
	case old == nil:
		return nil
	case bytes.Equal(old.Content, tx.Content()):
		return types.Refuse(types.Code_already_recorded, "%s %s stands since height %d", kind, id, old.Height)
	}
	return types.Refuse(types.Code_id_taken, "%s %s has other content since height %d; choose another id", kind, id, old.Height)
}

// toBase converts an amount into the base currency with the latest fixing of the day or of the ten days before it.
func (tx *Tx) toBase(amount int64, currency string, day int32) (int64, error) {
	base := tx.Block.Chain.BaseCurrency
	if currency == base {
		return amount, nil
	}
	f, err := tx.fixing(currency, day, day-fixingMaxAge)
	if err != nil {
		return 0, err
	}
	if f == nil {
		return 0, types.Refuse(types.Code_fixing_missing, "no fixing of %s in the ten days up to %s", currency, types.FormatDay(day))
	}
	from, known, err := tx.Block.exponent(tx, currency)
	if err == nil && !known {
		err = types.Refuse(types.Code_currency_unknown, "%.8q", currency)
	}
	if err != nil {
		return 0, err
	}
	to, _ := types.Exponent(base)
	return types.Convert(amount, from, f.RateE9, to)
}

// entry begins a row of an entry log from a record's provenance.
func (tx *Tx) entry(kind types.EntryKind, record, counterparty string, p *types.Provenance) types.Entry {
	return types.Entry{
		Kind: kind, Record: record, Counterparty: counterparty, Member: memberOf(p.Signer),
		Counted: p.Counted, Late: p.Late, Evidence: p.Evidence,
	}
}

// memberOf is the member that vouches for an act; an enterprise that signs for itself is no member.
func memberOf(signer string) string {
	if types.IsSubjectID(signer) {
		return ""
	}
	return signer
}

// post appends a row to a subject's entry log and keeps its sums.
func (tx *Tx) post(subject string, e types.Entry) (uint64, error) {
	return post(tx, tx.Block.Height, subject, e)
}

// later puts an item into the queues that time works off; it comes up in the first block at or after unix.
func (tx *Tx) later(unix int64, kind types.DueKind, id string) error {
	return state.Set(tx, types.DueKey(unix, kind, id), &types.Due{Kind: kind, Id: id})
}

// endOfDay is the first second after a day, in block time.
func (m *Moment) endOfDay(day int32) int64 { return (int64(day)+1)*86400 - m.Chain.DayOffsetS }

// there reads a row that others name: one that is missing is inconsistent_state.
func there[V any, P types.Record[V]](r state.Reader, key types.Key[V]) (P, error) {
	v, err := state.Get[V, P](r, key)
	if err == nil && v == nil {
		return nil, missing(string(key))
	}
	return v, err
}

func missing(key string) error {
	return types.Refuse(types.Code_inconsistent_state, "%s is missing", key)
}
