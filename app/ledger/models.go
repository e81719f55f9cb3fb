package ledger

import (
	"slices"
	"strings"

	"tradecredit/app/state"
	"tradecredit/types"
	"tradecredit/types/score"
)

// The life of a model: DRAFT (propose_model) → VALIDATED (attach_validation) → SHADOW → ACTIVE → RETIRED, the last three
// by vote (LEDGER.md §8).
//
// model/<id> is its content, for ever; model-state/<id> its life; leaf "model-plan" says which is in force, which comes
// when, and which run in shadow; "model-active" is the content in force. A model that becomes active at height A is in
// force in the states of A and later. Queries read the state of the height before theirs, so those of block A+1 are the
// first it scores, and a receipt's scored_height says which model it was: the one with active_from ≤ scored_height, and
// active_until beyond it or 0.

const (
	maxShadows    = 2
	maxActivation = 1_000_000 // heights ahead
	// maxValidations a model.
	maxValidations = 16
)

// checkModelID refuses what names no model: the ledger's own have a plain name, others "<signer>/<source id>".
func checkModelID(id string) error {
	if strings.Contains(id, "/") {
		return types.CheckRecordID(id)
	}
	return types.CheckSourceID(id)
}

// checkStage refuses what no state could make valid.
func checkStage(a *types.StageModel) error {
	if err := checkModelID(a.Model); err != nil {
		return err
	}
	switch a.Stage {
	case types.ModelStatus_SHADOW, types.ModelStatus_MODEL_RETIRED:
		if a.Height != 0 {
			return types.Refuse(types.Code_field_not_of_event, "a height goes with MODEL_ACTIVE only")
		}
	case types.ModelStatus_MODEL_ACTIVE:
	default:
		return types.Refuse(types.Code_enum_required, "stage: SHADOW, MODEL_ACTIVE or MODEL_RETIRED")
	}
	return nil
}

// modelState returns the life of a model; unknown ones are refused.
func modelState(r state.Reader, id string) (*types.ModelState, error) {
	s, err := state.Get(r, types.ModelStateKey(id))
	if err == nil && s == nil {
		return nil, types.Refuse(types.Code_model_unknown, "%s", id)
	}
	return s, err
}

// modelGroups is the group of who proposed a model; the model of the genesis has none.
func modelGroups(r state.Reader, a *types.StageModel) ([]string, error) {
	s, err := modelState(r, a.Model)
	if err != nil || s.Provenance == nil {
		return nil, err
	}
	m, err := member(r, s.Provenance.Signer)
	if err != nil {
		return nil, err
	}
	return []string{m.ControlGroup}, nil
}

func modelPlan(r state.Reader) (*types.ModelPlan, error) { return there(r, types.ModelPlanKey) }

// stageModel checks the model, its state, how many run in shadow, and the height.
func (b *Block) stageModel(w *state.Batch, a *types.StageModel) error {
	s, err := modelState(w, a.Model)
	if err != nil {
		return err
	}
	plan, err := modelPlan(w)
	if err != nil {
		return err
	}
	switch a.Stage {
	case types.ModelStatus_SHADOW:
		err = shadow(plan, s)
	case types.ModelStatus_MODEL_ACTIVE:
		err = b.schedule(plan, s, a.Height)
	default:
		err = retire(plan, s)
	}
	if err != nil {
		return err
	}
	if err := state.Set(w, types.ModelPlanKey, plan); err != nil {
		return err
	}
	return state.Set(w, types.ModelStateKey(s.Model), s)
}

func modelForbids(s *types.ModelState, what string) error {
	return types.Refuse(types.Code_model_state_forbids, "%s is %s: %s", s.Model, s.Status, what)
}

func shadow(plan *types.ModelPlan, s *types.ModelState) error {
	switch {
	case s.Status != types.ModelStatus_VALIDATED:
		return modelForbids(s, "only a VALIDATED model runs in shadow")
	case len(plan.Shadows) >= maxShadows:
		return types.Refuse(types.Code_model_state_forbids, "%s run in shadow, at most %d do", strings.Join(plan.Shadows, " and "), maxShadows)
	}
	s.Status = types.ModelStatus_SHADOW
	plan.Shadows = append(plan.Shadows, s.Model)
	slices.Sort(plan.Shadows)
	return nil
}

// schedule plans that a model comes into force, or moves its height. Another one that is coming is retired first.
func (b *Block) schedule(plan *types.ModelPlan, s *types.ModelState, height int64) error {
	switch {
	case s.Status != types.ModelStatus_SHADOW:
		return modelForbids(s, "only a model that ran in SHADOW comes into force")
	case plan.Coming != "" && plan.Coming != s.Model:
		return types.Refuse(types.Code_model_state_forbids, "%s comes into force at height %d; retire it first", plan.Coming, plan.Height)
	case height <= b.Height:
		return types.Refuse(types.Code_activation_height_passed, "height %d is not after %d", height, b.Height)
	case height > b.Height+maxActivation:
		return types.Refuse(types.Code_expiry_too_far, "height %d is more than %d ahead", height, maxActivation)
	}
	plan.Coming, plan.Height = s.Model, height
	return nil
}

// retire takes a model out of its life. The one in force goes only when another takes its place.
func retire(plan *types.ModelPlan, s *types.ModelState) error {
	switch s.Status {
	case types.ModelStatus_MODEL_ACTIVE:
		return modelForbids(s, "it is in force until another is")
	case types.ModelStatus_MODEL_RETIRED:
		return modelForbids(s, "nothing is left to do")
	}
	s.Status = types.ModelStatus_MODEL_RETIRED
	leaveShadow(plan, s.Model)
	return nil
}

// leaveShadow takes a model from those that run in shadow, and what was planned with it.
func leaveShadow(plan *types.ModelPlan, model string) {
	plan.Shadows = slices.DeleteFunc(plan.Shadows, func(id string) bool { return id == model })
	if plan.Coming == model {
		plan.Coming, plan.Height = "", 0
	}
}

// activate brings the model into force whose height has come. It reads one row in every other block.
func (b *Block) activate() error {
	plan, err := state.Get(b, types.ModelPlanKey)
	if err != nil || plan == nil || plan.Coming == "" || plan.Height > b.Height {
		return err
	}
	model, err := state.Get(b, types.ModelKey(plan.Coming))
	if err != nil {
		return err
	}
	next, err := state.Get(b, types.ModelStateKey(plan.Coming))
	if err != nil {
		return err
	}
	former, err := state.Get(b, types.ModelStateKey(plan.Active))
	if err != nil {
		return err
	}
	if model == nil || next == nil || former == nil { // no rule leaves it so; the one in force stays
		leaveShadow(plan, plan.Coming)
		return state.Set(b, types.ModelPlanKey, plan)
	}
	next.Status, next.ActiveFrom = types.ModelStatus_MODEL_ACTIVE, b.Height
	former.Status, former.ActiveUntil = types.ModelStatus_MODEL_RETIRED, b.Height
	leaveShadow(plan, next.Model)
	plan.Active = next.Model
	if err := state.Set(b, types.ActiveModelKey, model); err != nil {
		return err
	}
	if err := state.Set(b, types.ModelStateKey(former.Model), former); err != nil {
		return err
	}
	if err := state.Set(b, types.ModelStateKey(next.Model), next); err != nil {
		return err
	}
	return state.Set(b, types.ModelPlanKey, plan)
}

// inShadow scores the same rows by every model in shadow, and keeps what they say beside the receipt. Who may not see a
// score from the receipt does not see one here.
func (tx *Tx) inShadow(r *types.Receipt, rows *score.Rows) error {
	plan, err := state.Get(tx.Block.Prev, types.ModelPlanKey)
	if err != nil || plan == nil || len(plan.Shadows) == 0 {
		return err
	}
	out := &types.Shadow{Receipt: r.Id}
	for _, id := range plan.Shadows {
		model, err := there(tx.Block.Prev, types.ModelKey(id))
		if err != nil {
			return err
		}
		digest, err := score.ModelDigest(model)
		if err != nil {
			return err
		}
		result, err := score.Compute(rows, model, r.Day)
		if err != nil {
			return err
		}
		out.Scores = append(out.Scores, &types.ShadowScore{Model: id, ModelDigest: digest[:], Result: score.Restrict(result, r.Output)})
	}
	return state.Set(tx, types.ShadowKey(r.Id), out)
}
