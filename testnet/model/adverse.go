package model

import (
	"slices"
	"strings"

	"tradecredit/types"
)

var rulesOfAdverse = map[string]rule{
	"record_adverse": on((*Model).recordAdverse),
	"rehabilitate":   on((*Model).rehabilitate),
}

// rangeOf is whose range an adverse kind lies in: hundred by hundred.
var rangeOf = map[types.AdverseKind]types.Role{1: types.Role_CUSTOMS, 2: types.Role_TAX, 3: types.Role_FOREX, 4: types.Role_ARBITER, 5: types.Role_BANK}

// caps are the kinds that cap a score.
var caps = []types.AdverseKind{types.AdverseKind_FORGERY_CONFIRMED, types.AdverseKind_INSOLVENCY_OPENED, types.AdverseKind_DUPLICATE_FINANCING_CONFIRMED,
	types.AdverseKind_CUSTOMS_DISCREDITED, types.AdverseKind_TAX_MAJOR_VIOLATION, types.AdverseKind_JUDGMENT_DEFAULTER}

func shapeOfAdverse(msg *types.RecordAdverse) types.Code {
	return lowest(codeOf(types.CheckSourceID(msg.Id)), codeOf(types.CheckSubjectID(msg.Subject)), digest(msg.Commitment), required(msg.Kind),
		notTooEarly(msg.Day), when(msg.EndDay != 0 && msg.EndDay < msg.Day, types.Code_due_before_issue))
}

func (m *Model) recordAdverse(c *call, msg *types.RecordAdverse) types.Code {
	if code := refusal(shapeOfAdverse(msg), m.eventDay(msg.Day), m.eventDay(msg.EndDay)); code != types.Code_ok {
		return code
	}
	id := c.id(msg.Id)
	at := types.AdverseKey(id)
	if old, ok := m.adverses.get(at); ok {
		return m.repeated(c, &old.Provenance, func() { m.adverses.put(at, old) })
	}
	code := refusal(m.registered(msg.Subject), when(m.groupOf(msg.Subject) == m.groupOf(c.signer), types.Code_same_control_group),
		unless(rangeOf[msg.Kind/100] == c.key.Role, types.Code_adverse_kind_not_of_role))
	if code != types.Code_ok {
		return code
	}
	x := types.Adverse{Adverse: msg, Provenance: m.provenance(c, msg.Day), EndDay: msg.EndDay}
	if code = m.mark(id, &x); code != types.Code_ok {
		return code
	}
	e := entryOf(types.EntryKind_ENTRY_ADVERSE, string(at), x.Provenance, msg.Day)
	e.DueDay = msg.EndDay
	x.Entry = m.post(msg.Subject, e)
	m.adverses.put(at, x)
	return types.Code_ok
}

// weighs tells whether a mark still caps a score: until five years after its end, and a confirmed attempt at duplicate
// financing for 24 months.
func (m *Model) weighs(x *types.AdverseMark) bool {
	if x.Kind == types.AdverseKind_DUPLICATE_FINANCING_CONFIRMED && types.MonthOf(m.day)-types.MonthOf(x.Day) >= 24 {
		return false
	}
	return x.EndDay == 0 || m.day < types.AddYears(x.EndDay, 5)
}

// mark brings the marks of a subject into line with one of its adverse records.
func (m *Model) mark(id string, x *types.Adverse) types.Code {
	at := types.AdverseMarksKey(x.Adverse.Subject)
	row := m.adverseMarks.at(at)
	k := &types.AdverseMark{Record: id, Kind: x.Adverse.Kind, Day: x.Adverse.Day, EndDay: x.EndDay}
	leaves := contains(caps, k.Kind) && x.Provenance.Counted && !x.Provenance.Fallen && !x.Suppressed && m.weighs(k)
	var marks []*types.AdverseMark
	for _, old := range row.Marks {
		if old.Record != id && m.weighs(old) {
			marks = append(marks, old)
		}
	}
	if leaves {
		marks = append(marks, k)
	}
	slices.SortFunc(marks, func(a, b *types.AdverseMark) int { return strings.Compare(a.Record, b.Record) })
	if len(marks) > 64 {
		return types.Code_too_many_adverse
	}
	if len(marks) == 0 {
		m.adverseMarks.drop(at)
	} else {
		m.adverseMarks.put(at, types.AdverseMarks{Marks: marks})
	}
	return types.Code_ok
}

func (m *Model) rehabilitate(c *call, msg *types.Rehabilitate) types.Code {
	code := refusal(codeOf(types.CheckRecordID(msg.Adverse)), notTooEarly(msg.EndDay), m.eventDay(msg.EndDay))
	if code != types.Code_ok {
		return code
	}
	at := types.AdverseKey(msg.Adverse)
	x, ok := m.adverses.get(at)
	if !ok {
		return types.Code_adverse_unknown
	}
	if said(c, x.Ended) {
		return m.repeated(c, &x.Ended, func() { m.adverses.put(at, x) })
	}
	own := x.Provenance.Signer == c.signer && x.Provenance.Role == c.key.Role
	code = refusal(unless(own || c.key.Role == types.Role_ARBITER, types.Code_not_the_original_signer),
		when(m.groupOf(x.Adverse.Subject) == m.groupOf(c.signer), types.Code_same_control_group),
		when(msg.EndDay < x.Adverse.Day, types.Code_due_before_issue), when(x.EndDay != 0, types.Code_adverse_ended))
	if code != types.Code_ok {
		return code
	}
	p := m.provenance(c, msg.EndDay)
	x.EndDay, x.Ended, x.EndedReason = msg.EndDay, p, msg.Reason
	m.adverses.put(at, x)
	m.mark(msg.Adverse, &x)
	m.post(x.Adverse.Subject, entryOf(types.EntryKind_ENTRY_REHABILITATED, string(at), p, msg.EndDay))
	return types.Code_ok
}
