package model

import (
	"slices"

	"tradecredit/types"
)

// Time moves states: what is due waits in rows ordered by its second, and so many are worked off a block.

func (m *Model) wait(unix int64, kind types.DueKind, id string) {
	m.dues.put(types.DueKey(unix, kind, id), types.Due{Kind: kind, Id: id})
}

func (m *Model) waitNoMore(unix int64, kind types.DueKind, id string) {
	m.dues.drop(types.DueKey(unix, kind, id))
}

// afterDay is the second in which a day is over.
func (m *Model) afterDay(day int32) int64 { return (int64(day)+1)*86400 - m.offset }

// passTime works off what is due, at most as many items as the parameter says.
func (m *Model) passTime() {
	end := string(types.DueKey(m.unix+1, 0, ""))
	var due []string
	for k := range m.dues.rows {
		if k < end {
			due = append(due, k)
		}
	}
	slices.Sort(due)
	for i, k := range due {
		if int64(i) >= m.params.QueueItems {
			return
		}
		d := m.dues.at(types.Key[types.Due](k))
		m.dues.drop(types.Key[types.Due](k))
		m.fall(&d)
	}
}

// fall is what time alone does with one item.
func (m *Model) fall(d *types.Due) {
	switch d.Kind {
	case types.DueKind_DUE_PROPOSAL:
		m.proposals.change(types.ProposalKey(d.Id), func(p *types.Proposal) {
			if p.Status == types.ProposalStatus_OPEN {
				p.Status, p.DecidedHeight = types.ProposalStatus_LAPSED_PROPOSAL, m.height
			}
		})
	case types.DueKind_DUE_ENTERPRISE:
		m.lapseEnterprise(d.Id)
	case types.DueKind_DUE_CONSENT:
		m.consents.change(types.ConsentKey(d.Id), func(c *types.Consent) {
			if c.Status == types.ConsentStatus_ACTIVE {
				c.Status = types.ConsentStatus_EXPIRED
			}
		})
	case types.DueKind_DUE_DOCUMENT:
		m.documents.change(types.DocumentKey(d.Id), func(x *types.Document) {
			if x.Status == types.DocumentStatus_ANCHORED || x.Status == types.DocumentStatus_DOCUMENT_VERIFIED {
				x.Status = types.DocumentStatus_DOCUMENT_EXPIRED
			}
		})
	case types.DueKind_DUE_BACKFILL:
		m.members.change(types.MemberKey(d.Id), func(x *types.Member) { x.Backfills = m.openWindows(*x) })
	case types.DueKind_DUE_OFFER:
		m.closeOffer(d.Id, types.OfferStatus_OFFER_LAPSED)
	case types.DueKind_DUE_RESERVATION:
		m.lapseReservation(d.Id)
	case types.DueKind_DUE_POLICY:
		m.policies.change(types.PolicyKey(d.Id), func(p *types.Policy) { p.Status = types.PolicyStatus_POLICY_ENDED })
	case types.DueKind_DUE_DISPUTE:
		m.disputeDue(d)
	case types.DueKind_DUE_COMPROMISE:
		m.compromised(d)
	}
}

// openWindows are the backfill windows of a member that have not closed.
func (m *Model) openWindows(x types.Member) []*types.BackfillWindow {
	return slices.DeleteFunc(slices.Clone(x.Backfills), func(w *types.BackfillWindow) bool { return w.ClosesUnix <= m.unix })
}

// lapseEnterprise ends a registration that nothing was recorded of, with its keys and mandates.
func (m *Model) lapseEnterprise(subject string) {
	k := types.EnterpriseKey(subject)
	e := m.enterprises.at(k)
	keys, mandates := m.keys.under("key/"+subject+"/"), m.delegations.under("delegation/"+subject+"/")
	many := len(m.logs[subject]) > 64 || len(keys) >= 64 || len(mandates) >= 64 // so much is use
	if e.Status == types.EnterpriseStatus_LAPSED_ENTERPRISE || many || m.recorded(subject) {
		return
	}
	e.Status = types.EnterpriseStatus_LAPSED_ENTERPRISE
	m.enterprises.put(k, e)
	for _, id := range keys {
		if k := m.keys.rows[id]; k.Status != types.KeyStatus_KEY_REVOKED { // a revoked one never returns
			m.keys.drop(types.Key[types.KeyRecord](id))
			m.publicKeys.drop(types.PublicKeyKey(k.PublicKey))
		}
	}
	for _, id := range mandates {
		m.delegations.drop(types.Key[types.Delegation](id))
	}
}

// recorded tells whether anything stands in a subject's log but what was said of the subject itself.
func (m *Model) recorded(subject string) bool {
	return slices.ContainsFunc(m.logs[subject], func(e types.Entry) bool {
		return !contains([]types.EntryKind{types.EntryKind_ENTRY_REGISTERED, types.EntryKind_ENTRY_CONFIRMED, types.EntryKind_ENTRY_DELEGATION,
			types.EntryKind_ENTRY_UPDATED}, e.Kind)
	})
}
