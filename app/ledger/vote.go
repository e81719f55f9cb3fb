package ledger

import (
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Vote: a council seat approves or rejects a proposal.
//
// Signed by a member of the proposal's electorate with its COUNCIL key, once. Writes proposal/<id>; the vote that makes
// the quorum also carries the proposal out (proposal.go), and the rejection that makes it impossible closes it.

// checkVote refuses what no state could make valid.
func checkVote(m *types.Vote) error { return types.CheckRecordID(m.Proposal) }

// vote checks the proposal, the voter's vote so far, and the voter.
func vote(tx *Tx, m *types.Vote) error {
	p, err := state.Get(tx, types.ProposalKey(m.Proposal))
	if err != nil {
		return err
	}
	if p == nil {
		return types.Refuse(types.Code_proposal_unknown, "%s", m.Proposal)
	}
	approved := slices.Contains(p.Approvals, tx.Sender.ID)
	rejected := slices.Contains(p.Rejections, tx.Sender.ID)
	switch {
	case m.Approve && approved, !m.Approve && rejected:
		return types.Refuse(types.Code_already_recorded, "%s voted so before", tx.Sender.ID)
	case p.Status != types.ProposalStatus_OPEN || tx.Block.Unix >= p.LapsesUnix:
		return types.Refuse(types.Code_proposal_not_open, "%s is %s", p.Id, p.Status)
	case !slices.Contains(p.Electorate, tx.Sender.ID):
		return types.Refuse(types.Code_not_in_electorate, "%s had no seat that may vote on this when it was proposed", tx.Sender.ID)
	case approved || rejected:
		return types.Refuse(types.Code_vote_already_given, "a vote is not taken back")
	}
	if m.Approve {
		p.Approvals = append(p.Approvals, tx.Sender.ID)
	} else {
		p.Rejections = append(p.Rejections, tx.Sender.ID)
	}
	return tx.decide(p)
}
