package model

import (
	"slices"
	"strings"

	"tradecredit/types"
)

var rulesOfDisputes = map[string]rule{
	"open_dispute":     on((*Model).openDispute),
	"respond_dispute":  on((*Model).respondDispute),
	"escalate_dispute": on((*Model).escalateDispute),
	"resolve_dispute":  on((*Model).resolveDispute),
	"add_statement":    on((*Model).addStatement),
}

const disputeDays, arbiterDays = 20, 60

func (m *Model) openDispute(c *call, msg *types.OpenDispute) types.Code {
	code := lowest(codeOf(types.CheckSourceID(msg.Id)), shapeOfItem(msg.Item, types.Code_item_not_disputable, disputable...), digest(msg.StatementDigest))
	if code != types.Code_ok {
		return code
	}
	id := c.id(msg.Id)
	at := types.DisputeKey(id)
	if old, ok := m.disputes.get(at); ok {
		return m.repeated(c, &old.Provenance, func() { m.disputes.put(at, old) })
	}
	x, subject := m.itemOf(msg.Item), c.party()
	if code = refusal(m.registered(subject), m.mandate(c)); code != types.Code_ok {
		return code
	}
	if x == nil {
		return types.Code_record_unknown
	}
	rowAt := types.DisputedItemKey(msg.Item)
	row := m.disputed.at(rowAt)
	again := slices.Contains(row.Disputants, subject)
	if c.behalf != "" {
		code = m.apart(c, x.provider, x.signer)
	}
	code = refusal(code, when(x.unfit, types.Code_item_not_disputable),
		unless(x.isAbout(subject), types.Code_item_of_another), when(row.Left, types.Code_item_not_disputable), when(row.Open != "", types.Code_dispute_open),
		when(again && !row.Leave, types.Code_dispute_needs_leave))
	if code != types.Code_ok {
		return code
	}
	d := types.Dispute{Dispute: msg, Subject: subject, Provider: x.provider, Provenance: m.provenance(c, m.day), Status: types.DisputeStatus_FLAGGED,
		RespondByUnix: m.unix + disputeDays*86400, Locks: strings.HasPrefix(msg.Item, "receivable/")}
	m.disputes.put(at, d)
	m.wait(d.RespondByUnix, types.DueKind_DUE_DISPUTE, id)
	row.Open, row.Last = id, id
	row.Disputes++
	if again {
		row.Leave = false
	} else {
		row.Disputants = append(slices.Clone(row.Disputants), subject)
	}
	m.disputed.put(rowAt, row)
	if d.Locks {
		m.receivables.change(types.Key[types.Receivable](msg.Item), func(r *types.Receivable) { r.Dispute = id })
	}
	m.post(subject, entryOf(types.EntryKind_ENTRY_DISPUTE, string(at), d.Provenance, m.day))
	return types.Code_ok
}

// apart refuses a signer that stands, or whose group stands, on the other side.
func (m *Model) apart(c *call, others ...string) types.Code {
	for _, other := range others {
		if !m.independent(c.signer, other) {
			return types.Code_same_control_group
		}
	}
	return types.Code_ok
}

// answers tells whether the signer is who answers for the item of a dispute.
func (c *call) answers(d *types.Dispute) bool {
	return c.own() && c.signer == d.Provider || !c.own() && c.party() == d.Provider
}

// opened tells whether the signer acts for who opened a dispute.
func (c *call) opened(d *types.Dispute) bool { return c.party() == d.Subject }

// disputeAgain answers what the signer said before in the same words; of is the field that it made.
func (m *Model) disputeAgain(c *call, id string, d *types.Dispute, of **types.Provenance) types.Code {
	return m.repeated(c, of, func() { m.disputes.put(types.DisputeKey(id), *d) })
}

// until is when the state of a dispute ends by itself; 0: it has ended.
func until(d *types.Dispute) int64 {
	switch d.Status {
	case types.DisputeStatus_FLAGGED:
		return d.RespondByUnix
	case types.DisputeStatus_RESPONDED:
		return d.EscalateByUnix
	case types.DisputeStatus_ESCALATED:
		return d.StandsUnix
	}
	return 0
}

// disputeIs refuses another state, and one whose time is over.
func (m *Model) disputeIs(d *types.Dispute, states ...types.DisputeStatus) types.Code {
	return unless(contains(states, d.Status) && m.unix < until(d), types.Code_dispute_state_forbids)
}

// moveDispute gives a dispute its next open state.
func (m *Model) moveDispute(id string, d *types.Dispute, status types.DisputeStatus) {
	m.waitNoMore(until(d), types.DueKind_DUE_DISPUTE, id)
	d.Status = status
	if status == types.DisputeStatus_RESPONDED {
		d.EscalateByUnix = m.unix + arbiterDays*86400
	} else {
		d.StandsUnix = m.unix + arbiterDays*86400
	}
	m.wait(until(d), types.DueKind_DUE_DISPUTE, id)
	m.disputes.put(types.DisputeKey(id), *d)
}

// endDispute ends a dispute; act is nil when time did.
func (m *Model) endDispute(id string, d *types.Dispute, status types.DisputeStatus, act *types.Provenance, leave bool) {
	m.waitNoMore(until(d), types.DueKind_DUE_DISPUTE, id)
	d.Status, d.DecidedHeight = status, m.height
	m.disputes.put(types.DisputeKey(id), *d)
	gone := status == types.DisputeStatus_SUPPRESSED || d.Outcome == types.DisputeOutcome_ITEM_EXPUNGED
	m.disputed.change(types.DisputedItemKey(d.Dispute.Item), func(row *types.DisputedItem) {
		row.Open = ""
		row.Left = row.Left || gone
		row.Leave = row.Leave || leave
	})
	if d.Locks {
		m.receivables.change(types.Key[types.Receivable](d.Dispute.Item), func(r *types.Receivable) { r.Dispute = "" })
	}
	if gone {
		m.itemOf(d.Dispute.Item).leave()
	}
	e := types.Entry{Kind: types.EntryKind_ENTRY_DISPUTE_ENDED, Record: string(types.DisputeKey(id)), Day: m.day}
	if act != nil {
		e = entryOf(types.EntryKind_ENTRY_DISPUTE_ENDED, string(types.DisputeKey(id)), act, m.day)
	}
	m.post(d.Subject, e)
}

// disputeDue ends a dispute whose time is over.
func (m *Model) disputeDue(due *types.Due) {
	id := due.Id
	if rest, later := m.postponed(due); later {
		m.dues.put(types.DueKey(m.unix+1, due.Kind, id), rest)
		return
	}
	d := m.disputes.at(types.DisputeKey(id))
	if d.Status == types.DisputeStatus_FLAGGED {
		m.endDispute(id, &d, types.DisputeStatus_SUPPRESSED, nil, false)
	} else {
		m.endDispute(id, &d, types.DisputeStatus_STANDS, nil, false)
	}
}

func (m *Model) respondDispute(c *call, msg *types.RespondDispute) types.Code {
	code := lowest(codeOf(types.CheckRecordID(msg.Dispute)), digest(msg.StatementDigest), required(msg.Position))
	if code != types.Code_ok {
		return code
	}
	d, ok := m.disputes.get(types.DisputeKey(msg.Dispute))
	if !ok {
		return types.Code_dispute_unknown
	}
	if code = refusal(unless(c.answers(&d), types.Code_not_the_provider), m.mandate(c)); code != types.Code_ok {
		return code
	}
	if said(c, d.Responded) {
		return m.disputeAgain(c, msg.Dispute, &d, &d.Responded)
	}
	conceded := msg.Position == types.DisputePosition_CONCEDED
	if conceded {
		code = m.apart(c, d.Provenance.Signer)
	}
	if code = refusal(code, m.disputeIs(&d, types.DisputeStatus_FLAGGED)); code != types.Code_ok {
		return code
	}
	p := m.provenance(c, m.day)
	d.Position, d.Responded, d.ResponseDigest = msg.Position, p, msg.StatementDigest
	if conceded {
		d.Outcome, d.ResolvedBy = types.DisputeOutcome_ITEM_EXPUNGED, c.signer
		m.endDispute(msg.Dispute, &d, types.DisputeStatus_RESOLVED, p, false)
		return types.Code_ok
	}
	m.moveDispute(msg.Dispute, &d, types.DisputeStatus_RESPONDED)
	return types.Code_ok
}

func (m *Model) escalateDispute(c *call, msg *types.EscalateDispute) types.Code {
	if code := codeOf(types.CheckRecordID(msg.Dispute)); code != types.Code_ok {
		return code
	}
	d, ok := m.disputes.get(types.DisputeKey(msg.Dispute))
	if !ok {
		return types.Code_dispute_unknown
	}
	if code := refusal(unless(c.answers(&d) || c.opened(&d), types.Code_not_a_disputant), m.mandate(c)); code != types.Code_ok {
		return code
	}
	if said(c, d.Escalated) {
		return m.disputeAgain(c, msg.Dispute, &d, &d.Escalated)
	}
	if code := m.disputeIs(&d, types.DisputeStatus_RESPONDED); code != types.Code_ok {
		return code
	}
	d.Escalated = m.provenance(c, m.day)
	m.moveDispute(msg.Dispute, &d, types.DisputeStatus_ESCALATED)
	return types.Code_ok
}

func (m *Model) resolveDispute(c *call, msg *types.ResolveDispute) types.Code {
	code := lowest(codeOf(types.CheckRecordID(msg.Dispute)), digest(msg.AwardDigest), required(msg.Outcome))
	if code != types.Code_ok {
		return code
	}
	d, ok := m.disputes.get(types.DisputeKey(msg.Dispute))
	if !ok {
		return types.Code_dispute_unknown
	}
	code = m.mayResolve(c, &d, msg)
	if code == types.Code_already_recorded {
		return m.disputeAgain(c, msg.Dispute, &d, &d.Resolved)
	}
	if code != types.Code_ok {
		return code
	}
	d.Outcome, d.ResolvedBy, d.Leave, d.Resolved, d.AwardDigest = msg.Outcome, c.signer, msg.Leave, m.provenance(c, m.day), msg.AwardDigest
	m.endDispute(msg.Dispute, &d, types.DisputeStatus_RESOLVED, d.Resolved, msg.Leave)
	return types.Code_ok
}

// mayResolve: the arbiter decides what was escalated, who answers corrects or expunges, who opened withdraws.
func (m *Model) mayResolve(c *call, d *types.Dispute, msg *types.ResolveDispute) types.Code {
	before := when(said(c, d.Resolved), types.Code_already_recorded)
	open := m.disputeIs(d, types.DisputeStatus_FLAGGED, types.DisputeStatus_RESPONDED, types.DisputeStatus_ESCALATED)
	x := m.itemOf(d.Dispute.Item)
	switch {
	case c.answers(d):
		may := msg.Outcome == types.DisputeOutcome_ITEM_CORRECTED || msg.Outcome == types.DisputeOutcome_ITEM_EXPUNGED
		hand := types.Code_ok
		if msg.Outcome == types.DisputeOutcome_ITEM_EXPUNGED {
			hand = m.apart(c, d.Provenance.Signer)
		}
		return refusal(m.mandate(c), before, hand, open, unless(may && !msg.Leave, types.Code_provider_cannot))
	case c.opened(d):
		may := msg.Outcome == types.DisputeOutcome_DISPUTE_WITHDRAWN
		hand := types.Code_ok
		if c.behalf != "" {
			hand = m.apart(c, d.Provider, x.signer)
		}
		return refusal(m.mandate(c), before, hand, open, unless(may && !msg.Leave, types.Code_provider_cannot))
	case c.key.Role == types.Role_ARBITER && c.own():
		neither := m.independent(c.signer, d.Subject) && m.independent(c.signer, d.Provider) && m.independent(c.signer, x.signer) &&
			m.independent(c.signer, d.Provenance.Signer)
		return refusal(before, unless(neither, types.Code_same_control_group), m.disputeIs(d, types.DisputeStatus_ESCALATED))
	}
	return types.Code_not_a_disputant
}

func (m *Model) addStatement(c *call, msg *types.AddStatement) types.Code {
	kinds := append(slices.Clone(disputable), others...)
	code := lowest(codeOf(types.CheckSourceID(msg.Id)), shapeOfItem(msg.Record, types.Code_statement_unfit, kinds...), digest(msg.StatementDigest))
	if code != types.Code_ok {
		return code
	}
	at := types.StatementKey(c.id(msg.Id))
	if old, ok := m.statements.get(at); ok {
		return m.repeated(c, &old.Provenance, func() { m.statements.put(at, old) })
	}
	x, subject := m.itemOf(msg.Record), c.party()
	if code = refusal(m.registered(subject), m.mandate(c)); code != types.Code_ok {
		return code
	}
	if x == nil {
		return types.Code_record_unknown
	}
	rowAt := types.DisputedItemKey(msg.Record)
	row, said := m.disputed.at(rowAt), 0
	for _, s := range row.Statements {
		if s.Subject == subject {
			said++
		}
	}
	code = refusal(unless(slices.Contains(x.about, subject), types.Code_item_of_another), when(said >= 8, types.Code_statement_unfit))
	if code != types.Code_ok {
		return code
	}
	p := m.provenance(c, m.day)
	row.Statements = append(slices.Clone(row.Statements), &types.StatementRef{Statement: c.id(msg.Id), Subject: subject})
	m.disputed.put(rowAt, row)
	m.statements.put(at, types.Statement{Statement: msg, Subject: subject, Provenance: p})
	m.post(subject, entryOf(types.EntryKind_ENTRY_STATEMENT, string(at), p, m.day))
	return types.Code_ok
}
