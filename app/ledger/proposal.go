package ledger

import (
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// What propose and vote share: who may vote, when a proposal is decided, and what each action does (LEDGER.md §3).

const (
	proposalDays = 14 // a proposal that found no quorum by then lapses
	maxBackfills = 16 // open windows a member
)

// quorum is how many approvals a proposal needs: ⌈2n/3⌉ of its electorate, and ⌈3n/4⌉ to recover a key.
func quorum(p *types.Proposal) int {
	n := len(p.Electorate)
	if _, recovery := p.Proposal.Action.(*types.Propose_RecoverKey); recovery {
		return (3*n + 3) / 4
	}
	return (2*n + 2) / 3
}

// electorate lists the members that may vote on a proposal: those with a live council seat now, one seat a member,
// less every seat of the control groups that the vote touches. Admitting a group's member touches that group too.
func (tx *Tx) electorate(m *types.Propose) ([]string, error) {
	touched, err := tx.touchedGroups(m)
	if err != nil {
		return nil, err
	}
	seats, err := councillors(tx, func(k *types.KeyRecord) bool {
		return live(k, tx.Block.Unix) && types.Allowed(k.Algorithm, tx.Block.Params.Algorithms)
	})
	if err != nil {
		return nil, err
	}
	var out []string
	for _, s := range seats {
		if !slices.Contains(touched, s.ControlGroup) {
			out = append(out, s.Id)
		}
	}
	return out, nil
}

// touchedGroups are the control groups that a vote is about; none if it is about the network.
func (tx *Tx) touchedGroups(m *types.Propose) ([]string, error) {
	member := ""
	switch a := m.Action.(type) {
	case *types.Propose_Admit:
		return []string{a.Admit.ControlGroup}, nil
	case *types.Propose_Validator:
		return validatorGroups(tx, a.Validator)
	case *types.Propose_Model:
		return modelGroups(tx, a.Model)
	case *types.Propose_Suspend:
		member = a.Suspend.Member
	case *types.Propose_Reinstate:
		member = a.Reinstate.Member
	case *types.Propose_Backfill:
		member = a.Backfill.Member
	case *types.Propose_RecoverKey:
		member = a.RecoverKey.Holder
	default:
		return nil, nil
	}
	group, err := tx.groupOf(member)
	return []string{group}, err
}

// decide closes a proposal once its votes allow, and writes it. At the quorum the action is carried out; one that the
// state does not allow any more leaves the proposal FAILED with the code, and nothing else. A proposal that so many
// rejected that it cannot find its quorum any more is closed as LAPSED before its time.
func (tx *Tx) decide(p *types.Proposal) error {
	need := quorum(p)
	switch {
	case len(p.Approvals) >= need:
		if err := tx.carryOut(p); err != nil {
			return err
		}
	case len(p.Electorate)-len(p.Rejections) < need:
		p.Status = types.ProposalStatus_LAPSED_PROPOSAL
	}
	if p.Status != types.ProposalStatus_OPEN {
		p.DecidedHeight = tx.Block.Height
		tx.Delete(string(types.DueKey(p.LapsesUnix, types.DueKind_DUE_PROPOSAL, p.Id)))
	}
	return state.Set(tx, types.ProposalKey(p.Id), p)
}

func (tx *Tx) carryOut(p *types.Proposal) error {
	action := state.NewBatch(tx.Batch)
	err := tx.Block.enact(action, p)
	code, refused := types.CodeOf(err)
	switch {
	case err == nil:
		action.Merge()
		p.Status = types.ProposalStatus_EXECUTED
	case refused:
		p.Status, p.Failure = types.ProposalStatus_FAILED, uint32(code)
	default:
		return err
	}
	return nil
}

// enact does what a proposal asks for, or refuses. w is a batch that the caller drops when it refuses. Of p it reads the
// id, the action and the proposer's provenance.
func (b *Block) enact(w *state.Batch, p *types.Proposal) error {
	switch a := p.Proposal.Action.(type) {
	case *types.Propose_Admit:
		return b.admit(w, a.Admit)
	case *types.Propose_Suspend:
		return b.suspend(w, a.Suspend)
	case *types.Propose_Reinstate:
		return b.reinstate(w, a.Reinstate)
	case *types.Propose_Parameter:
		return b.setParameter(w, a.Parameter)
	case *types.Propose_Backfill:
		return b.openWindow(w, p.Id, a.Backfill)
	case *types.Propose_Validator:
		return changeValidator(w, a.Validator)
	case *types.Propose_CodeList:
		return adoptCodeList(w, a.CodeList)
	case *types.Propose_Model:
		return b.stageModel(w, a.Model)
	case *types.Propose_Upgrade:
		return b.planUpgrade(w, p.Id, a.Upgrade)
	case *types.Propose_RecoverKey:
		return b.recoverKey(w, a.RecoverKey)
	case *types.Propose_Epoch:
		return b.openEpoch(w, p.Id, a.Epoch)
	case *types.Propose_Fixing:
		return b.setJump(w, p, a.Fixing)
	}
	return types.Refuse(types.Code_enum_required, "action")
}

func checkAction(m *types.Propose) error {
	switch a := m.Action.(type) {
	case *types.Propose_Admit:
		return checkAdmit(a.Admit)
	case *types.Propose_Suspend:
		return types.CheckMemberID(a.Suspend.Member)
	case *types.Propose_Reinstate:
		return types.CheckMemberID(a.Reinstate.Member)
	case *types.Propose_Parameter:
		p := types.DefaultParameters()
		return p.Set(a.Parameter.Name, a.Parameter.Value)
	case *types.Propose_Backfill:
		return checkBackfill(a.Backfill)
	case *types.Propose_Validator:
		return checkValidator(a.Validator)
	case *types.Propose_CodeList:
		return checkAdoption(a.CodeList)
	case *types.Propose_Model:
		return checkStage(a.Model)
	case *types.Propose_Upgrade:
		return checkUpgrade(a.Upgrade)
	case *types.Propose_RecoverKey:
		return checkRecovery(a.RecoverKey)
	case *types.Propose_Epoch:
		return checkEpoch(a.Epoch)
	case *types.Propose_Fixing:
		return checkPublishFixing(a.Fixing)
	}
	return types.Refuse(types.Code_enum_required, "action")
}

// member returns a member; unknown ones are refused.
func member(r state.Reader, id string) (*types.Member, error) {
	m, err := state.Get(r, types.MemberKey(id))
	if err == nil && m == nil {
		return nil, types.Refuse(types.Code_member_unknown, "%s", id)
	}
	return m, err
}

// liveMember returns a member that is not suspended.
func liveMember(r state.Reader, id string) (*types.Member, error) {
	m, err := member(r, id)
	if err == nil && m.Status != types.MemberStatus_LIVE {
		return nil, types.Refuse(types.Code_member_not_live, "%s is suspended since height %d", id, m.SuspendedHeight)
	}
	return m, err
}

// suspend ends what a member may sign, until it is reinstated. Its records stay as they are, and so do its validators
// until they are voted out: taking their power away at once could leave one group with a third of it, or fewer than four.
func (b *Block) suspend(w *state.Batch, a *types.Suspend) error {
	m, err := liveMember(w, a.Member)
	if err != nil {
		return err
	}
	m.Status, m.SuspendedHeight, m.SuspensionReason = types.MemberStatus_SUSPENDED, b.Height, a.Reason
	if err := state.Set(w, types.MemberKey(m.Id), m); err != nil {
		return err
	}
	return b.keepsCouncil(w)
}

func (b *Block) reinstate(w *state.Batch, a *types.Reinstate) error {
	m, err := member(w, a.Member)
	if err != nil {
		return err
	}
	if m.Status != types.MemberStatus_SUSPENDED {
		return types.Refuse(types.Code_member_not_suspended, "%s", m.Id)
	}
	m.Status, m.SuspendedHeight, m.SuspensionReason = types.MemberStatus_LIVE, 0, 0
	return state.Set(w, types.MemberKey(m.Id), m)
}

// setParameter changes what the next block begins with; this one goes on with what it began with.
func (b *Block) setParameter(w *state.Batch, a *types.SetParameter) error {
	p, err := state.Get(w, types.ParametersKey)
	if err != nil {
		return err
	}
	if err := p.Set(a.Name, a.Value); err != nil {
		return err
	}
	if err := state.Set(w, types.ParametersKey, p); err != nil {
		return err
	}
	return b.keepsCouncil(w)
}

func checkBackfill(a *types.Backfill) error {
	if err := types.CheckMemberID(a.Member); err != nil {
		return err
	}
	if err := checkEventDay(a.FromDay); err != nil {
		return err
	}
	if a.UntilDay < a.FromDay {
		return types.Refuse(types.Code_day_too_early, "the last day covered lies before the first")
	}
	return nil
}

// openWindow lets a member's LATE records count, for event days from … until, as long as the window is open. Windows
// that have closed make room.
func (b *Block) openWindow(w *state.Batch, proposal string, a *types.Backfill) error {
	switch {
	case a.UntilDay > b.Today()+1:
		return types.Refuse(types.Code_day_too_late, "%s lies after tomorrow", types.FormatDay(a.UntilDay))
	case a.ClosesUnix <= b.Unix:
		return types.Refuse(types.Code_expiry_passed, "the window would be closed already")
	case a.ClosesUnix > b.Unix+maxExpiry*secondsADay:
		return types.Refuse(types.Code_expiry_too_far, "a window closes at most %d days ahead", maxExpiry)
	}
	m, err := liveMember(w, a.Member)
	if err != nil {
		return err
	}
	dropClosed(m, b.Unix)
	if len(m.Backfills) >= maxBackfills {
		return types.Refuse(types.Code_too_many_windows, "%s has %d open windows", m.Id, maxBackfills)
	}
	m.Backfills = append(m.Backfills, &types.BackfillWindow{
		FromDay: a.FromDay, UntilDay: a.UntilDay, ClosesUnix: a.ClosesUnix, Proposal: proposal,
	})
	if err := state.Set(w, types.MemberKey(m.Id), m); err != nil {
		return err
	}
	due := types.Due{Kind: types.DueKind_DUE_BACKFILL, Id: m.Id}
	return state.Set(w, types.DueKey(a.ClosesUnix, due.Kind, due.Id), &due)
}

// dropClosed takes the windows that have closed by then from a member.
func dropClosed(m *types.Member, unix int64) {
	m.Backfills = slices.DeleteFunc(m.Backfills, func(w *types.BackfillWindow) bool { return w.ClosesUnix <= unix })
}
