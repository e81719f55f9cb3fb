package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// RecordClaim: a claim on a policy is filed, and answered once: paid or rejected.
//
// Signed by the insurer of the policy. Writes claim/<id>; an answer also marks what it answers, and a payment the policy.
// Posts CLAIMED to the log of who owns the insured object. A claim is filed from the first day of cover on and while the
// policy is in force; it may be answered later. Nobody is paid more than he claimed, and all claims together not more than
// the policy covers. What an insurer pays on a financed object is information: it closes no part of any debt, for the
// insurer steps into the place of whom it paid.

// checkRecordClaim refuses what no state could make valid.
func checkRecordClaim(m *types.RecordClaim) error {
	return firstRefusal(
		types.CheckSourceID(m.Id),
		types.CheckRecordID(m.Policy), checkFiled(m),
		required(m.Event, "event"),
		checkClaimAmount(m),
		checkClaimFields(m),
		checkEventDay(m.Day),
	)
}

// checkFiled refuses what is no claim's id, and an answer that names none.
func checkFiled(m *types.RecordClaim) error {
	if m.Filed == "" && (m.Event == types.ClaimEvent_CLAIM_PAID || m.Event == types.ClaimEvent_CLAIM_REJECTED) {
		return types.Refuse(types.Code_record_id_malformed, "filed names the claim that is answered")
	}
	return given(m.Filed, types.CheckRecordID)
}

func checkClaimAmount(m *types.RecordClaim) error {
	if m.Event == types.ClaimEvent_CLAIM_REJECTED {
		return nil
	}
	return types.CheckAmount(m.AmountMinor)
}

func checkClaimFields(m *types.RecordClaim) error {
	switch {
	case m.Event == types.ClaimEvent_CLAIM_FILED && m.Filed != "":
		return types.Refuse(types.Code_field_not_of_event, "filed stands with CLAIM_PAID and CLAIM_REJECTED")
	case m.Event == types.ClaimEvent_CLAIM_REJECTED && m.AmountMinor != 0:
		return types.Refuse(types.Code_field_not_of_event, "what is rejected pays nothing")
	}
	return nil
}

// recordClaim checks: day, id, policy and whose it is, then for a filing: cover; for an answer: the claim, whether it was
// answered, its day, the amount claimed, the amount covered.
func recordClaim(tx *Tx, m *types.RecordClaim) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	id := tx.RecordID(m.Id)
	key := types.ClaimKey(id)
	old, err := state.Get(tx, key)
	if err != nil {
		return err
	}
	if old != nil {
		return again(tx, "claim", key, old, old.Provenance)
	}
	p, err := state.Get(tx, types.PolicyKey(m.Policy))
	if err != nil {
		return err
	}
	if p == nil {
		return types.Refuse(types.Code_policy_unknown, "%s", m.Policy)
	}
	if p.Provenance.Signer != tx.Sender.ID {
		return types.Refuse(types.Code_not_a_party, "%s is of %s", m.Policy, p.Provenance.Signer)
	}
	if m.Event == types.ClaimEvent_CLAIM_FILED {
		err = fileClaim(m, p)
	} else {
		err = tx.answerClaim(id, m, p)
	}
	if err != nil {
		return err
	}
	if err := state.Set(tx, types.PolicyKey(m.Policy), p); err != nil {
		return err
	}
	c, err := collateralOf(tx, p.Policy.Object)
	if err != nil {
		return err
	}
	claim := &types.Claim{Claim: m, Provenance: tx.provenance(m.Day), State: m.Event}
	if err := state.Set(tx, key, claim); err != nil {
		return err
	}
	return tx.tellPolicy(types.EntryKind_ENTRY_CLAIMED, string(key), c, claim.Provenance, m.Day, 0)
}

// fileClaim refuses a claim outside the cover.
func fileClaim(m *types.RecordClaim, p *types.Policy) error {
	if p.Status != types.PolicyStatus_POLICY_LIVE || m.Day < p.Policy.FromDay || m.Day > p.Policy.UntilDay {
		return types.Refuse(types.Code_policy_not_in_force, "%s covers %s to %s", m.Policy, types.FormatDay(p.Policy.FromDay), types.FormatDay(p.Policy.UntilDay))
	}
	p.Claims++
	return nil
}

// answerClaim marks the claim that is answered.
func (tx *Tx) answerClaim(id string, m *types.RecordClaim, p *types.Policy) error {
	key := types.ClaimKey(m.Filed)
	filed, err := state.Get(tx, key)
	if err != nil {
		return err
	}
	switch {
	case filed == nil || filed.Claim.Policy != m.Policy || filed.Claim.Event != types.ClaimEvent_CLAIM_FILED:
		return types.Refuse(types.Code_claim_unknown, "%s was not filed on %s", m.Filed, m.Policy)
	case filed.AnsweredBy != "":
		return types.Refuse(types.Code_claim_state_forbids, "%s answered %s", filed.AnsweredBy, m.Filed)
	case m.Day < filed.Claim.Day:
		return types.Refuse(types.Code_claim_state_forbids, "%s was filed later, on %s", m.Filed, types.FormatDay(filed.Claim.Day))
	case m.AmountMinor > filed.Claim.AmountMinor:
		return types.Refuse(types.Code_claims_exceed_policy, "%d was claimed", filed.Claim.AmountMinor)
	case m.AmountMinor > p.Policy.AmountMinor-p.PaidMinor:
		return types.Refuse(types.Code_claims_exceed_policy, "%d of %d is left", p.Policy.AmountMinor-p.PaidMinor, p.Policy.AmountMinor)
	}
	filed.AnsweredBy, filed.State = id, m.Event
	p.PaidMinor += m.AmountMinor
	return state.Set(tx, key, filed)
}
