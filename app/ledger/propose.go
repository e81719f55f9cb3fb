package ledger

import (
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Propose: a council seat proposes to change the network, and votes for it.
//
// Signed by a member with its COUNCIL key. Writes proposal/<id> and the day it lapses; at the quorum, which for a lone
// seat is at once, also what the action changes: member/<id> with its keys, the parameters, the validators, the models
// in force, a planned upgrade, a list of codes on its way, a key, an epoch, a fixing (proposal.go names the files).
// Only what the present state allows can be proposed, so nobody votes on what cannot be done.

// checkPropose refuses what no state could make valid.
func checkPropose(m *types.Propose) error {
	if err := types.CheckSourceID(m.Id); err != nil {
		return err
	}
	return checkAction(m)
}

// propose checks the id, then the action as if it were carried out now, then that the proposer may vote on it.
func propose(tx *Tx, m *types.Propose) error {
	id := tx.RecordID(m.Id)
	old, err := state.Get(tx, types.ProposalKey(id))
	if err != nil {
		return err
	}
	if old != nil {
		return tx.fresh("proposal", id, old.Provenance)
	}
	p := &types.Proposal{
		Id: id, Proposal: m, Provenance: tx.provenance(tx.Block.Today()), Approvals: []string{tx.Sender.ID},
		Status: types.ProposalStatus_OPEN, LapsesUnix: tx.Block.Unix + proposalDays*secondsADay,
	}
	if err := tx.Block.enact(state.NewBatch(tx.Batch), p); err != nil { // tried out and dropped
		return err
	}
	voters, err := tx.electorate(m)
	if err != nil {
		return err
	}
	if len(voters) == 0 {
		return types.Refuse(types.Code_electorate_empty, "every council seat belongs to the group that the vote touches")
	}
	if !slices.Contains(voters, tx.Sender.ID) {
		return types.Refuse(types.Code_not_in_electorate, "the vote touches the group of %s", tx.Sender.ID)
	}
	p.Electorate = voters
	if err := tx.later(p.LapsesUnix, types.DueKind_DUE_PROPOSAL, id); err != nil {
		return err
	}
	return tx.decide(p)
}
