package sim

import (
	"crypto/sha256"
	"fmt"

	"tradecredit/types"
	"tradecredit/types/score"
)

// models: scorecards and what is attested about them, and about the chain.
var models = []generator{
	{"propose_model", 1, proposeModel},
	{"attach_validation", 2, attachValidation},
	{"attest_replay", 1, attestReplay},
}

func proposeModel(w *world) *act {
	m := score.ExpertV1()
	m.Id = ""
	m.Minimums.Experiences = 1 + int32(w.rng.IntN(4))
	return own(w.member(types.Role_BUREAU), &types.ProposeModel{Id: w.id(), Model: m})
}

func attachValidation(w *world) *act {
	id, s := pick(w, types.ModelStates, func(_ string, s *types.ModelState) bool { return s.Status < types.ModelStatus_MODEL_RETIRED })
	if s == nil {
		return nil
	}
	until := w.ago(20)
	return own(w.member(types.Role_AUDITOR), &types.AttachValidation{
		Id: w.id(), Model: id, ReportDigest: w.digest(), DataDigest: w.digest(), FromDay: until - 300, UntilDay: until, Subjects: 1000, Defaults: 40,
		AucBp: 7000, Calibrated: chance(w.rng, 30),
	})
}

func attestReplay(w *world) *act {
	m := &types.AttestReplay{Id: w.id(), Height: 1 + w.rng.Int64N(max(1, w.height-1)), AppHash: w.digest(), Result: types.ReplayResult_REPLAY_MATCH}
	if chance(w.rng, 30) {
		m.Result, m.DivergedHeight, m.ReportDigest = types.ReplayResult_REPLAY_DIVERGED, m.Height, w.digest()
	}
	return own(w.member(types.Role_AUDITOR), m)
}

// stage moves a model on in its life; nil if there is none to move.
func (w *world) stage() *types.StageModel {
	id, s := pick(w, types.ModelStates, func(_ string, s *types.ModelState) bool {
		return s.Status != types.ModelStatus_DRAFT && s.Status != types.ModelStatus_MODEL_RETIRED
	})
	if s == nil {
		return nil
	}
	switch s.Status {
	case types.ModelStatus_VALIDATED:
		return &types.StageModel{Model: id, Stage: types.ModelStatus_SHADOW}
	case types.ModelStatus_SHADOW:
		if chance(w.rng, 70) {
			return &types.StageModel{Model: id, Stage: types.ModelStatus_MODEL_ACTIVE, Height: w.height + 5 + w.rng.Int64N(20)}
		}
	}
	return &types.StageModel{Model: id, Stage: types.ModelStatus_MODEL_RETIRED}
}

// codeRows are the rows of a list, in any version: what the others in this simulation use.
func codeRows(list types.CodeListName) (rows []*types.CodeRow) {
	row := func(code string, exponent int32) { rows = append(rows, &types.CodeRow{Code: code, Exponent: exponent}) }
	switch list {
	case types.CodeListName_CURRENCIES:
		row("CNY", 2)
		row("EUR", 2)
		row("JPY", 0)
		row("KWD", 3)
		row("USD", 2)
	case types.CodeListName_COUNTRIES:
		for _, code := range []string{"BR", "CN", "DE", "FR", "IT", "SG", "US", "VN"} {
			row(code, 0)
		}
	case types.CodeListName_HS6:
		for n := range 30 {
			row(fmt.Sprintf("8504%02d", n+30), 0)
		}
	case types.CodeListName_LOCODES:
		row("CNSHA", 0)
		row("DEHAM", 0)
	case types.CodeListName_MODES:
		for _, code := range []string{"0110", "1210", "1300", "1371", "4561", "9610", "9710", "9810"} {
			row(code, 0)
		}
	}
	return rows
}

// codeList adopts a new version of some list.
func (w *world) codeList() *types.AdoptCodeList {
	list := types.CodeListName(1 + w.rng.IntN(5))
	rows := codeRows(list)
	f, root := types.Frontier{}, sha256.Sum256(nil)
	digest := root[:]
	for n, r := range rows {
		raw, err := r.Marshal()
		if err == nil {
			f, err = f.Append(uint64(n), types.LogLeafHash(raw))
		}
		if err == nil {
			digest, err = f.Root(uint64(n + 1))
		}
		if err != nil {
			panic(err)
		}
	}
	return &types.AdoptCodeList{List: list, Version: w.id(), Count: uint32(len(rows)), Digest: digest}
}

// publishCodes brings the next rows of a version that is on its way.
func publishCodes(w *world) *act {
	lists := get(w, types.CodeListsKey)
	if lists == nil {
		return nil
	}
	for _, l := range lists.Lists {
		if l.Coming == nil {
			continue
		}
		rows := codeRows(l.List)
		if int(l.Received) >= len(rows) {
			return nil
		}
		rows = rows[l.Received:]
		return own(w.member(types.Role_COUNCIL), &types.PublishCodes{
			List: l.List, Version: l.Coming.Version, First: l.Received, Rows: rows[:1+w.rng.IntN(len(rows))],
		})
	}
	return nil
}
