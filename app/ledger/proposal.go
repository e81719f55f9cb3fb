package ledger

import (
	"bytes"
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// What propose and vote share: who may vote, when a proposal is decided, and what each action does (LEDGER.md §3).

const (
	proposalDays = 14 // a proposal that found no quorum by then lapses
	maxBackfills = 16 // open windows a member
)

// quorum is ⌈2n/3⌉ of an electorate.
func quorum(n int) int { return (2*n + 2) / 3 }

// electorate lists the members that may vote on a proposal: those with a live council seat now, one seat a member,
// less every seat of the control group that the vote touches. Admitting a group's member touches that group too.
func (tx *Tx) electorate(m *types.Propose) ([]string, error) {
	group, err := tx.touchedGroup(m)
	if err != nil {
		return nil, err
	}
	seats, err := councillors(tx, func(k *types.KeyRecord) bool { return live(k, tx.Block.Unix) })
	if err != nil {
		return nil, err
	}
	var out []string
	for _, s := range seats {
		if s.ControlGroup != group {
			out = append(out, s.Id)
		}
	}
	return out, nil
}

// touchedGroup is the control group that a vote is about, empty if it is about the network.
func (tx *Tx) touchedGroup(m *types.Propose) (string, error) {
	switch a := m.Action.(type) {
	case *types.Propose_Admit:
		return a.Admit.ControlGroup, nil
	case *types.Propose_Suspend:
		return tx.groupOf(a.Suspend.Member)
	case *types.Propose_Reinstate:
		return tx.groupOf(a.Reinstate.Member)
	case *types.Propose_Backfill:
		return tx.groupOf(a.Backfill.Member)
	}
	return "", nil
}

// decide closes a proposal once its votes allow, and writes it. At the quorum the action is carried out; one that the
// state does not allow any more leaves the proposal FAILED with the code, and nothing else. A proposal that so many
// rejected that it cannot find its quorum any more is closed as LAPSED before its time.
func (tx *Tx) decide(p *types.Proposal) error {
	need := quorum(len(p.Electorate))
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
	err := tx.Block.enact(action, p.Id, p.Proposal)
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

// enact does what a proposal asks for, or refuses. w is a batch that the caller drops when it refuses.
func (b *Block) enact(w *state.Batch, id string, m *types.Propose) error {
	switch a := m.Action.(type) {
	case *types.Propose_Admit:
		return b.admit(w, a.Admit)
	case *types.Propose_Suspend:
		return b.suspend(w, a.Suspend)
	case *types.Propose_Reinstate:
		return b.reinstate(w, a.Reinstate)
	case *types.Propose_Parameter:
		return b.setParameter(w, a.Parameter)
	case *types.Propose_Backfill:
		return b.openWindow(w, id, a.Backfill)
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
	}
	return types.Refuse(types.Code_enum_required, "action")
}

func checkAdmit(a *types.Admit) error {
	if err := types.CheckMemberID(a.Member); err != nil {
		return err
	}
	for _, k := range a.Keys {
		if err := checkNewKey(k); err != nil {
			return err
		}
	}
	if err := types.CheckDigest(a.NameDigest); err != nil {
		return err
	}
	if err := types.CheckMemberGroup(a.ControlGroup); err != nil {
		return err
	}
	if err := checkRoles(a.Roles); err != nil {
		return err
	}
	if n := len(a.Keys); n < 1 || n > maxAdmitKeys {
		return types.Refuse(types.Code_list_too_long, "%d keys; a member is admitted with 1 to %d", n, maxAdmitKeys)
	}
	if err := types.CheckJurisdiction(a.Jurisdiction); err != nil {
		return err
	}
	return checkAdmitKeys(a)
}

// checkRoles refuses roles that are missing, no member's, or not in ascending order.
func checkRoles(roles []types.Role) error {
	if len(roles) == 0 {
		return types.Refuse(types.Code_enum_required, "roles")
	}
	for _, r := range roles {
		if r < types.Role_COUNCIL || r > types.Role_AUDITOR {
			return types.Refuse(types.Code_enum_required, "%s is no role of a member", r)
		}
	}
	for i := range roles[1:] {
		if roles[i] >= roles[i+1] {
			return types.Refuse(types.Code_list_not_sorted, "roles ascend, without repetition")
		}
	}
	return nil
}

// checkAdmitKeys compares the keys of one admission with each other and with the roles.
func checkAdmitKeys(a *types.Admit) error {
	for i, k := range a.Keys {
		for _, other := range a.Keys[:i] {
			if k.Id == other.Id {
				return types.Refuse(types.Code_key_exists, "key %s stands twice", k.Id)
			}
			if bytes.Equal(k.PublicKey, other.PublicKey) {
				return types.Refuse(types.Code_public_key_in_use, "keys %s and %s are one", other.Id, k.Id)
			}
		}
	}
	for _, k := range a.Keys {
		if !slices.Contains(a.Roles, k.Role) {
			return types.Refuse(types.Code_role_not_of_member, "key %s: %s is not among the member's roles", k.Id, k.Role)
		}
	}
	return nil
}

// admit makes a member with its keys. Its id, and every public key, is unused.
func (b *Block) admit(w *state.Batch, a *types.Admit) error {
	for _, k := range a.Keys {
		if err := b.possessed(a.Member, k); err != nil {
			return err
		}
	}
	old, err := state.Get(w, types.MemberKey(a.Member))
	if err != nil {
		return err
	}
	if old != nil {
		return types.Refuse(types.Code_member_exists, "%s, %s", a.Member, old.Status)
	}
	for _, k := range a.Keys {
		if err := newKey(w, a.Member, "", k); err != nil {
			return err
		}
	}
	return state.Set(w, types.MemberKey(a.Member), &types.Member{
		Id: a.Member, ControlGroup: a.ControlGroup, Jurisdiction: a.Jurisdiction, Roles: a.Roles,
		Status: types.MemberStatus_LIVE, NameDigest: a.NameDigest, AdmittedHeight: b.Height,
	})
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

// suspend ends what a member may sign, until it is reinstated. Its records stay as they are.
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
	return state.Set(w, types.ParametersKey, p)
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
