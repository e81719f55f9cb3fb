package model

import (
	"slices"
	"strings"

	"tradecredit/types"
)

// The life of a scorecard.

var rulesOfModels = map[string]rule{
	"propose_model":     on((*Model).proposeModel),
	"attach_validation": on((*Model).attachValidation),
	"attest_replay":     on((*Model).attestReplay),
}

// shapeOfModelID: the ledger's own have a plain name, others a record id.
func shapeOfModelID(id string) types.Code {
	if strings.Contains(id, "/") {
		return codeOf(types.CheckRecordID(id))
	}
	return codeOf(types.CheckSourceID(id))
}

func shapeOfStage(s *types.StageModel) types.Code {
	active := s.Stage == types.ModelStatus_MODEL_ACTIVE
	known := active || s.Stage == types.ModelStatus_SHADOW || s.Stage == types.ModelStatus_MODEL_RETIRED
	return refusal(shapeOfModelID(s.Model), unless(known, types.Code_enum_required), when(!active && s.Height != 0, types.Code_field_not_of_event))
}

func (m *Model) stageNow(s *types.StageModel) types.Code {
	x, ok := m.modelStates.get(types.ModelStateKey(s.Model))
	plan := m.modelPlan.at(types.ModelPlanKey)
	if !ok {
		return types.Code_model_unknown
	}
	switch s.Stage {
	case types.ModelStatus_SHADOW:
		return when(x.Status != types.ModelStatus_VALIDATED || len(plan.Shadows) >= 2, types.Code_model_state_forbids)
	case types.ModelStatus_MODEL_ACTIVE:
		return refusal(when(x.Status != types.ModelStatus_SHADOW || plan.Coming != "" && plan.Coming != s.Model, types.Code_model_state_forbids),
			when(s.Height <= m.height, types.Code_activation_height_passed), when(s.Height > m.height+1e6, types.Code_expiry_too_far))
	}
	return when(x.Status == types.ModelStatus_MODEL_RETIRED || x.Status == types.ModelStatus_MODEL_ACTIVE, types.Code_model_state_forbids)
}

// modelGroup is the group of the bureau that proposed a model; none for the ledger's own.
func (m *Model) modelGroup(id string) string {
	if x := m.modelStates.at(types.ModelStateKey(id)); x.Provenance != nil {
		return m.groupOf(x.Provenance.Signer)
	}
	return ""
}

func (m *Model) stage(s *types.StageModel) {
	at := types.ModelStateKey(s.Model)
	plan := m.modelPlan.at(types.ModelPlanKey)
	switch s.Stage {
	case types.ModelStatus_SHADOW:
		plan.Shadows = slices.Sorted(slices.Values(append(slices.Clone(plan.Shadows), s.Model)))
		m.modelStates.change(at, func(x *types.ModelState) { x.Status = s.Stage })
	case types.ModelStatus_MODEL_ACTIVE:
		plan.Coming, plan.Height = s.Model, s.Height
	default:
		plan.Shadows = slices.DeleteFunc(slices.Clone(plan.Shadows), func(id string) bool { return id == s.Model })
		if plan.Coming == s.Model {
			plan.Coming, plan.Height = "", 0
		}
		m.modelStates.change(at, func(x *types.ModelState) { x.Status = s.Stage })
	}
	m.modelPlan.put(types.ModelPlanKey, plan)
}

// activateModel brings the model into force whose height has come.
func (m *Model) activateModel() {
	plan := m.modelPlan.at(types.ModelPlanKey)
	if plan.Coming == "" || plan.Height > m.height {
		return
	}
	m.modelStates.change(types.ModelStateKey(plan.Active), func(x *types.ModelState) {
		x.Status, x.ActiveUntil = types.ModelStatus_MODEL_RETIRED, m.height
	})
	m.modelStates.change(types.ModelStateKey(plan.Coming), func(x *types.ModelState) {
		x.Status, x.ActiveFrom = types.ModelStatus_MODEL_ACTIVE, m.height
	})
	plan.Shadows = slices.DeleteFunc(slices.Clone(plan.Shadows), func(id string) bool { return id == plan.Coming })
	plan.Active, plan.Coming, plan.Height = plan.Coming, "", 0
	m.modelPlan.put(types.ModelPlanKey, plan)
}

func (m *Model) proposeModel(c *call, msg *types.ProposeModel) types.Code {
	code := refusal(codeOf(types.CheckSourceID(msg.Id)), unless(soundModel(msg.Model), types.Code_model_invalid))
	if code != types.Code_ok {
		return code
	}
	id := c.id(msg.Id)
	at := types.ModelStateKey(id)
	if old, ok := m.modelStates.get(at); ok {
		return fresh(c, old.Provenance)
	}
	m.modelStates.put(at, types.ModelState{Model: id, Status: types.ModelStatus_DRAFT, Provenance: m.provenance(c, m.day)})
	content := *msg.Model
	content.Id = id
	m.models.put(types.ModelKey(id), content)
	return types.Code_ok
}

// risesWith says of each measure whether more is better.
var risesWith = map[types.Measure]bool{
	types.Measure_MEASURE_TPI: true, types.Measure_MEASURE_WORST_DBT: false, types.Measure_MEASURE_PAST_DUE: false,
	types.Measure_MEASURE_EVIDENCE_LEGS: true, types.Measure_MEASURE_ADVERSE_VERDICTS: false, types.Measure_MEASURE_CREDIT_NOTES: false,
	types.Measure_MEASURE_ON_TIME: true, types.Measure_MEASURE_CONCENTRATION: false, types.Measure_MEASURE_ACTIVE_MONTHS: true,
	types.Measure_MEASURE_MEMBERS: true, types.Measure_MEASURE_COLLECTED: true,
}

// soundModel: a scorecard for either segment, bins without gaps or overlaps, monotone points, caps in order, minimums, and
// falling bounds of classes.
func soundModel(x *types.Model) bool {
	if x == nil || x.Id != "" || len(x.Scorecards) != 2 || len(x.ClassBounds) != 4 || x.Minimums == nil {
		return false
	}
	segments := map[types.Segment]bool{}
	for _, s := range x.Scorecards {
		if s == nil || s.Segment != types.Segment_PAYER && s.Segment != types.Segment_SELLER || segments[s.Segment] || !soundScorecard(s) {
			return false
		}
		segments[s.Segment] = true
	}
	for i, c := range x.Caps {
		if c == nil || c.Cap < types.Cap_CAP_FORGERY || c.Cap > types.Cap_CAP_DISHONESTY || c.Score < 1 || c.Score > 999 ||
			i > 0 && x.Caps[i-1].Cap >= c.Cap {
			return false
		}
	}
	for i, b := range x.ClassBounds {
		if b < 1 || b > 1000 || i > 0 && x.ClassBounds[i-1] <= b {
			return false
		}
	}
	n := x.Minimums
	return n.Experiences >= 1 && n.Counterparties >= 1 && n.Days >= 1 && n.Members >= 1
}

func soundScorecard(s *types.Scorecard) bool {
	ids, measures, sum := map[string]bool{}, map[types.Measure]bool{}, int32(0)
	for _, c := range s.Characteristics {
		if c == nil || len(c.Id) < 1 || len(c.Id) > 16 || !sourceForm(c.Id) || strings.HasPrefix(c.Id, "CAP_") || ids[c.Id] || measures[c.Measure] {
			return false
		}
		rises, known := risesWith[c.Measure]
		if !known || rises != c.AtLeast || len(c.Bins) == 0 {
			return false
		}
		ids[c.Id], measures[c.Measure] = true, true
		top := int32(0)
		for i, b := range c.Bins {
			if b == nil || b.Points < 0 || b.Points > 1000 {
				return false
			}
			top = max(top, b.Points)
			if i == 0 {
				continue
			}
			before := c.Bins[i-1]
			if b.Points > before.Points || c.AtLeast && b.Bound >= before.Bound || !c.AtLeast && b.Bound <= before.Bound {
				return false
			}
		}
		if c.Rest < 0 || c.Rest > c.Bins[len(c.Bins)-1].Points || c.NaPoints < 0 || c.NaPoints > top {
			return false
		}
		sum += top
	}
	return sum >= 1 && sum <= 1000
}

func sourceForm(s string) bool { return types.CheckSourceID(s) == nil }

func (m *Model) attachValidation(c *call, msg *types.AttachValidation) types.Code {
	code := lowest(codeOf(types.CheckSourceID(msg.Id)), shapeOfModelID(msg.Model), digest(msg.ReportDigest), digest(msg.DataDigest),
		when(msg.Subjects == 0 || msg.Defaults > msg.Subjects || msg.AucBp > 10000, types.Code_count_out_of_range), notTooEarly(msg.FromDay),
		when(msg.UntilDay < msg.FromDay, types.Code_day_too_early))
	if code = refusal(code, m.eventDay(msg.UntilDay)); code != types.Code_ok {
		return code
	}
	at := types.ValidationKey(c.id(msg.Id))
	if old, ok := m.validations.get(at); ok {
		return fresh(c, old.Provenance)
	}
	x, ok := m.modelStates.get(types.ModelStateKey(msg.Model))
	if !ok {
		return types.Code_model_unknown
	}
	group := m.modelGroup(msg.Model)
	code = refusal(when(group != "" && group == m.groupOf(c.signer), types.Code_own_model),
		when(x.Status == types.ModelStatus_MODEL_RETIRED || len(x.Validations) >= 16, types.Code_model_state_forbids))
	if code != types.Code_ok {
		return code
	}
	x.Validations = append(slices.Clone(x.Validations), c.id(msg.Id))
	x.Calibrated = x.Calibrated || msg.Calibrated
	if x.Status == types.ModelStatus_DRAFT && (msg.Calibrated || !m.models.at(types.ModelKey(msg.Model)).Calibrated) {
		x.Status = types.ModelStatus_VALIDATED
	}
	m.modelStates.put(types.ModelStateKey(msg.Model), x)
	m.validations.put(at, types.Validation{Validation: msg, Provenance: m.provenance(c, m.day)})
	return types.Code_ok
}

func (m *Model) attestReplay(c *call, msg *types.AttestReplay) types.Code {
	diverged := msg.Result == types.ReplayResult_REPLAY_DIVERGED
	code := lowest(codeOf(types.CheckSourceID(msg.Id)), digest(msg.AppHash), optionalDigest(msg.ReportDigest), required(msg.Result),
		when(msg.Height < 1 || diverged && (msg.DivergedHeight < 1 || msg.DivergedHeight > msg.Height), types.Code_count_out_of_range),
		when(!diverged && msg.DivergedHeight != 0, types.Code_field_not_of_event))
	if code != types.Code_ok {
		return code
	}
	at := types.AttestationKey(c.id(msg.Id))
	if old, ok := m.attestations.get(at); ok {
		return fresh(c, old.Provenance)
	}
	if msg.Height >= m.height {
		return types.Code_replay_height_unknown
	}
	m.attestations.put(at, types.Attestation{Attestation: msg, Provenance: m.provenance(c, m.day)})
	return types.Code_ok
}
