package ledger

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
	"tradecredit/types/score"
)

// governanceLife goes on where everyMessage ends: votes of every kind, and what bureau, auditor and registrars do.
const governanceLife = `
update_enterprise from=tax subject=IT:REA:3 district=IT size=SMALL ownership=PRIVATE control_group=three
attest_replay from=auditor id=a1 height=3 app_hash=#state result=REPLAY_MATCH
propose_model from=bureau id=m1 model.calibrated model.scorecards.0.segment=PAYER model.scorecards.0.characteristics.0.id=P1 model.scorecards.0.characteristics.0.measure=MEASURE_TPI model.scorecards.0.characteristics.0.at_least model.scorecards.0.characteristics.0.bins.0.bound=70 model.scorecards.0.characteristics.0.bins.0.points=900 model.scorecards.1.segment=SELLER model.scorecards.1.characteristics.0.id=S1 model.scorecards.1.characteristics.0.measure=MEASURE_ON_TIME model.scorecards.1.characteristics.0.at_least model.scorecards.1.characteristics.0.bins.0.bound=9000 model.scorecards.1.characteristics.0.bins.0.points=900 model.minimums.experiences=1 model.minimums.counterparties=1 model.minimums.days=1 model.minimums.members=1 model.class_bounds=(800, 650, 500, 350)
attach_validation from=auditor id=v1 model=bureau/m1 report_digest=#report data_digest=#sample from_day=2020-01-01 until_day=D subjects=5000 defaults=120 auc_bp=7400 calibrated
propose from=bank-a id=g1 model.model=bureau/m1 model.stage=SHADOW
vote from=bank-b proposal=bank-a/g1 approve
propose from=bank-a id=g2 model.model=bureau/m1 model.stage=MODEL_ACTIVE model.height=200
propose from=bank-a id=g3 code_list.list=HS6 code_list.version=v1 code_list.count=2 code_list.digest=b09d924621261104c1c33d4c186b7ed03732c0a64a8937bdc26fc83c22a4e4fc
vote from=platform proposal=bank-a/g3 approve
publish_codes from=bank-b list=HS6 version=v1 first=0 rows.0.code=850440
publish_codes from=bank-b list=HS6 version=v1 first=1 rows.0.code=850760
propose from=platform id=g4 validator.public_key=@bank-a/validator validator.power=10 validator.member=bank-a
vote from=bank-b proposal=platform/g4 approve
propose from=bank-a id=g5 upgrade.app_version=2 upgrade.height=100000 upgrade.binary_digest=#release
propose from=bank-a id=g6 epoch.epoch=1 epoch.key_check=#key epoch.opens_day=D+1 epoch.closes_day=D+901
vote from=bank-b proposal=bank-a/g6 approve
propose from=bank-a id=g7 fixing.currency=EUR fixing.day=D fixing.rate_e9=2_000_000_000
propose from=platform id=g8 recover_key.holder=bank-a recover_key.lost_key=bank recover_key.new_key.id=again recover_key.new_key.role=BANK
vote from=bank-b proposal=platform/g8 approve
grant_consent from=DE:HRB:1 id=c9 grantee=bank-a purpose=CREDIT_GRANT scope=SCORE until_day=D+30 uses=9
query_credit from=bank-a id=q9 subject=DE:HRB:1 purpose=CREDIT_GRANT output=SCORE consent=DE:HRB:1/c9 salt=#salt
`

// governed are the names of fields that hold a code of a governed list; a jurisdiction or district may be a country.
var governedFields = map[string][]types.CodeListName{
	"currency": {types.CodeListName_CURRENCIES}, "to_currency": {types.CodeListName_CURRENCIES},
	"hs6": {types.CodeListName_HS6}, "mode": {types.CodeListName_MODES},
	"place":        {types.CodeListName_COUNTRIES, types.CodeListName_LOCODES},
	"jurisdiction": {types.CodeListName_COUNTRIES}, "district": {types.CodeListName_COUNTRIES},
}

// No message has a field with a code of a governed list that the rules would not look up.
func TestGovernedFields(t *testing.T) {
	found := 0
	var walk func(root types.Msg, v reflect.Value, path string)
	walk = func(root types.Msg, v reflect.Value, path string) {
		for i := range v.NumField() {
			f, tag := v.Field(i), v.Type().Field(i).Tag.Get("protobuf")
			name := protoName(tag)
			if lists, is := governedFields[name]; is && f.Kind() == reflect.String {
				for _, list := range lists {
					f.SetString(map[types.CodeListName]string{types.CodeListName_LOCODES: "DEHAM"}[list])
					if f.String() == "" {
						f.SetString("DE")
					}
					require.True(t, slices.ContainsFunc(codesOf(root), func(c coded) bool {
						return c.list == list && c.code == f.Addr().Interface().(*string)
					}), "%s.%s of %s", path, name, list)
					found++
				}
			}
			if f.Kind() == reflect.Pointer && f.Type().Elem().Kind() == reflect.Struct && !strings.HasSuffix(f.Type().String(), "NewKey") {
				f.Set(reflect.New(f.Type().Elem()))
				walk(root, f.Elem(), path+"."+name)
			}
		}
		if one, ok := v.Addr().Interface().(interface{ XXX_OneofWrappers() []interface{} }); ok {
			for _, w := range one.XXX_OneofWrappers() {
				for i := range v.NumField() {
					if slot := v.Field(i); slot.Kind() == reflect.Interface && reflect.TypeOf(w).Implements(slot.Type()) {
						slot.Set(reflect.New(reflect.TypeOf(w).Elem()))
						inner := slot.Elem().Elem().Field(0)
						inner.Set(reflect.New(inner.Type().Elem()))
						walk(root, inner.Elem(), path+"."+inner.Type().Elem().Name())
					}
				}
			}
		}
	}
	for _, row := range types.Table {
		m := types.NewMsg(row.Name)
		walk(m, reflect.ValueOf(m).Elem(), row.Name)
	}
	require.Greater(t, found, 20)
}

// A score that was given is computed again years later from the state of its height, by the model of its height, which the
// newest state names: its content never changed.
func TestPastScoresAreRecomputed(t *testing.T) {
	w := newWorld(t, castText, "USD", "")
	w.live(everyMessage + governanceLife[1:])
	w.unix += 2 * secondsADay
	w.live(`
grant_consent from=IT:REA:3 id=c1 grantee=bank-a purpose=CREDIT_GRANT scope=SCORE until_day=D+30 uses=9
query_credit from=bank-b id=s1 subject=FR:RCS:2 purpose=CREDIT_GRANT output=SCORE consent=bank-a/c2 salt=#salt
vote from=bank-b proposal=bank-a/g2 approve
`)
	plan, err := state.Get(w.view(), types.ModelPlanKey)
	require.NoError(t, err)
	for w.height < plan.Height {
		w.block(nil)
	}
	w.live(`
query_credit from=bank-b id=s2 subject=FR:RCS:2 purpose=CREDIT_GRANT output=SCORE consent=bank-a/c2 salt=#salt
query_credit from=bank-a id=s3 subject=IT:REA:3 purpose=CREDIT_GRANT output=SCORE consent=IT:REA:3/c1 salt=#salt
`)
	head := w.view()
	byModel := map[string]int{}
	require.NoError(t, each(head, types.Receipts, func(id string, r *types.Receipt) error {
		model := modelAt(t, head, r.ScoredHeight)
		byModel[r.Model]++
		require.Equal(t, model.Id, r.Model, id)
		digest, err := score.ModelDigest(model)
		require.NoError(t, err)
		require.Equal(t, digest[:], r.ModelDigest)
		past, err := w.db.At(r.ScoredHeight)
		require.NoError(t, err)
		defer func() { require.NoError(t, past.Close()) }()
		rows, err := score.Load(past.Get, past.Scan, r.Subject, r.Day)
		require.NoError(t, err)
		inputs := rows.Digest()
		require.Equal(t, inputs[:], r.InputsDigest)
		result, err := score.Compute(rows, model, r.Day)
		require.NoError(t, err)
		require.Equal(t, score.Restrict(result, r.Output).String(), r.Result.String())
		return nil
	}))
	require.Len(t, byModel, 2, "both models scored: %v", byModel)

	// What the model said in shadow is what it says in force, of the same facts. It is calibrated, and its scores say so.
	was, err := state.Get(head, types.ShadowKey("bank-b/s1"))
	require.NoError(t, err)
	is, err := state.Get(head, types.ReceiptKey("bank-b/s2"))
	require.NoError(t, err)
	require.Equal(t, was.Scores[0].Result.String(), is.Result.String())
	require.Equal(t, types.ScoreClass_CLASS_1, is.Result.Class)
	require.False(t, is.Result.NotCalibrated)
	before, err := state.Get(head, types.ReceiptKey("bank-b/s1"))
	require.NoError(t, err)
	require.Equal(t, types.ScoreClass_CLASS_U, before.Result.Class)
	require.True(t, before.Result.NotCalibrated)
}

// modelAt finds the model that was in force in the state of a height.
func modelAt(t testing.TB, r state.Reader, height int64) (model *types.Model) {
	require.NoError(t, each(r, types.ModelStates, func(id string, s *types.ModelState) error {
		ever := s.ActiveFrom > 0 || s.Provenance == nil
		if ever && s.ActiveFrom <= height && (s.ActiveUntil == 0 || height < s.ActiveUntil) {
			require.Nil(t, model, "two in force at %d", height)
			var err error
			model, err = state.Get(r, types.ModelKey(id))
			require.NoError(t, err)
		}
		return nil
	}))
	require.NotNil(t, model, "none in force at %d", height)
	return model
}

// view is the newest state; it is closed with the test.
func (w *world) view() *state.View {
	v := w.db.View()
	w.t.Cleanup(func() { require.NoError(w.t, v.Close()) })
	return v
}

// The audit finds each contradiction that is planted in what votes left behind.
func TestAuditOfGovernance(t *testing.T) {
	w := newWorld(t, castText, "USD", "")
	w.live(everyMessage + governanceLife[1:])
	view := w.view()
	require.NoError(t, Audit(view, w.unix))
	for name, plant := range map[string]func(*state.Batch){
		"has the power 0": func(b *state.Batch) {
			alter(t, b, types.ValidatorsKey, func(s *types.ValidatorSet) { s.Validators[0].Power = 0 })
		},
		"is run by bank-b": func(b *state.Batch) {
			alter(t, b, types.ValidatorsKey, func(s *types.ValidatorSet) { s.Validators[0].Member = "bank-b" })
		},
		"is out of order": func(b *state.Batch) {
			alter(t, b, types.ValidatorsKey, func(s *types.ValidatorSet) { s.Validators = append(s.Validators, s.Validators[0]) })
		},
		"1 rows with the root": func(b *state.Batch) {
			b.Delete(string(types.CodeRowKey(types.CodeListName_HS6, "v1", "850440")))
		},
		"revision 0 of the code lists": func(b *state.Batch) {
			alter(t, b, types.CodeListsKey, func(c *types.CodeLists) { c.Revision = 0 })
		},
		"is out of order, or short": func(b *state.Batch) {
			alter(t, b, types.EpochsKey, func(e *types.Epochs) { e.Epochs[0].Epoch.ClosesDay-- })
		},
		"planned": func(b *state.Batch) {
			alter(t, b, types.UpgradeKey, func(u *types.UpgradePlan) { u.Planned = &types.PlanUpgrade{AppVersion: 1, Height: 1000} })
		},
		"the plan says": func(b *state.Batch) {
			alter(t, b, types.ModelPlanKey, func(p *types.ModelPlan) { p.Shadows = nil })
		},
		"does not run in shadow": func(b *state.Batch) {
			alter(t, b, types.ModelPlanKey, func(p *types.ModelPlan) { p.Coming = "expert-v1" })
		},
		"what is in force is not expert-v1": func(b *state.Batch) {
			alter(t, b, types.ActiveModelKey, func(m *types.Model) { m.Calibrated = true })
		},
		"nobody found it calibrated": func(b *state.Batch) {
			alter(t, b, types.ModelStateKey("bureau/m1"), func(s *types.ModelState) { s.Calibrated = false })
		},
		"is missing, or another model's": func(b *state.Batch) {
			alter(t, b, types.ValidationKey("auditor/v1"), func(v *types.Validation) { v.Validation.Model = "expert-v1" })
		},
		"its content is missing": func(b *state.Batch) {
			alter(t, b, types.ModelKey("bureau/m1"), func(m *types.Model) { m.Id = "bureau/m2" })
		},
		"a second recovery waits": func(b *state.Batch) {
			alter(t, b, types.KeyKey("bank-a", "council"), func(k *types.KeyRecord) { k.Recovered, k.ValidFromUnix = true, w.unix+1 })
		},
	} {
		batch := state.NewBatch(view)
		plant(batch)
		require.ErrorContains(t, Audit(batch, w.unix), name)
	}
}
