package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
	"tradecredit/types/score"
)

// auditGovernance checks what votes leave behind: validators, code lists, epochs, the version of the rules, models, and keys
// that were recovered.
func (b *Block) auditGovernance(r state.Reader) error {
	for _, audit := range []func(state.Reader) error{
		auditValidators, auditCodeLists, auditEpochs, auditUpgrade, auditModels, b.auditRecoveries,
	} {
		if err := audit(r); err != nil {
			return err
		}
	}
	return nil
}

// auditValidators: keys ascend, powers are in their bounds, and each row has the group of its member.
func auditValidators(r state.Reader) error {
	set, err := validators(r)
	if err != nil {
		return err
	}
	for i, v := range set {
		switch {
		case i > 0 && bytes.Compare(set[i-1].PublicKey, v.PublicKey) >= 0:
			return fmt.Errorf("audit: validator %x is out of order", v.PublicKey)
		case v.Power < 1 || v.Power > types.MaxValidatorPower:
			return fmt.Errorf("audit: validator %x has the power %d", v.PublicKey, v.Power)
		case v.Member == "" && v.ControlGroup == "":
			continue
		}
		m, err := state.Get(r, types.MemberKey(v.Member))
		if err != nil {
			return err
		}
		if m == nil || m.ControlGroup != v.ControlGroup || !hasRole(m, types.Role_OPERATOR) {
			return fmt.Errorf("audit: validator %x is run by %s of %s, which is %v", v.PublicKey, v.Member, v.ControlGroup, m)
		}
	}
	return nil
}

// auditCodeLists: a version in force has the rows and the root that were adopted, one on its way the rows that came.
func auditCodeLists(r state.Reader) error {
	lists, err := codeLists(r)
	if err != nil {
		return err
	}
	inForce := false
	for i, s := range lists.Lists {
		if i > 0 && lists.Lists[i-1].List >= s.List {
			return fmt.Errorf("audit: code list %s is out of order", s.List)
		}
		inForce = inForce || s.Version != ""
		if s.Version != "" {
			if err := auditRows(r, s.List, s.Version, s.Count, s.Digest); err != nil {
				return err
			}
		}
		if c := s.Coming; c != nil {
			root, err := types.Frontier(s.Frontier).Root(uint64(s.Received))
			if err != nil {
				return err
			}
			if s.Received >= c.Count || c.Version == s.Version {
				return fmt.Errorf("audit: %d of %d rows of %s %s", s.Received, c.Count, s.List, c.Version)
			}
			if err := auditRows(r, s.List, c.Version, s.Received, root); err != nil {
				return err
			}
		}
	}
	if inForce != (lists.Revision > 0) {
		return fmt.Errorf("audit: revision %d of the code lists", lists.Revision)
	}
	return nil
}

func auditRows(r state.Reader, name types.CodeListName, version string, count uint32, digest []byte) error {
	rows, err := list(r, types.Prefix[types.CodeRow](types.CodeRowKey(name, version, "")), noLimit)
	if err != nil {
		return err
	}
	root, err := types.CodeRowsRoot(name, rows)
	if err == nil && (len(rows) != int(count) || !bytes.Equal(root, digest)) {
		err = fmt.Errorf("%d rows with the root %x, wants %d with %x", len(rows), root, count, digest)
	}
	if err != nil {
		return fmt.Errorf("audit: version %s of %s: %w", version, name, err)
	}
	return nil
}

// auditEpochs: numbers follow each other, each lives long enough, and at most two are live on any day.
func auditEpochs(r state.Reader) error {
	all, err := state.Get(r, types.EpochsKey)
	if err != nil || all == nil {
		return err
	}
	for i, e := range all.Epochs {
		if e.Epoch.ClosesDay-e.Epoch.OpensDay < epochDays || i > 0 && all.Epochs[i-1].Epoch.Epoch >= e.Epoch.Epoch {
			return fmt.Errorf("audit: epoch %v is out of order, or short", e.Epoch)
		}
		if live := liveOn(all, e.Epoch.OpensDay); len(live) > maxEpochs {
			return fmt.Errorf("audit: epochs %v are live on %s", live, types.FormatDay(e.Epoch.OpensDay))
		}
	}
	return nil
}

// auditUpgrade: what is planned is newer than what is in force.
func auditUpgrade(r state.Reader) error {
	u, err := upgradeLeaf(r)
	if err == nil && (u.AppVersion < types.FirstAppVersion || u.Planned != nil && u.Planned.AppVersion <= u.AppVersion) {
		err = fmt.Errorf("audit: version %d of the rules, planned %v", u.AppVersion, u.Planned)
	}
	return err
}

// auditModels: one model is active, and is the content in force; the plan names exactly those in shadow, what comes is
// one of them, and whatever calls itself calibrated and left DRAFT was found so.
func auditModels(r state.Reader) error {
	plan, err := modelPlan(r)
	if err != nil {
		return err
	}
	var active, shadows []string
	err = each(r, types.ModelStates, func(id string, s *types.ModelState) error {
		content, err := state.Get(r, types.ModelKey(id))
		if err != nil {
			return err
		}
		if content == nil || content.Id != id || s.Model != id {
			return errors.New("its content is missing, or another's")
		}
		if err := score.CheckModel(content); err != nil {
			return err
		}
		switch s.Status {
		case types.ModelStatus_MODEL_ACTIVE:
			active = append(active, id)
		case types.ModelStatus_SHADOW:
			shadows = append(shadows, id)
		}
		if content.Calibrated && !s.Calibrated && s.Status != types.ModelStatus_DRAFT && s.Status != types.ModelStatus_MODEL_RETIRED {
			return fmt.Errorf("%s, and nobody found it calibrated", s.Status)
		}
		return auditValidations(r, s)
	})
	switch {
	case err != nil:
		return err
	case !slices.Equal(active, []string{plan.Active}) || !slices.Equal(shadows, plan.Shadows) || len(shadows) > maxShadows:
		return fmt.Errorf("audit: %v active, %v in shadow; the plan says %v", active, shadows, plan)
	case plan.Coming != "" && !slices.Contains(shadows, plan.Coming):
		return fmt.Errorf("audit: %s comes, and does not run in shadow", plan.Coming)
	}
	content, err := r.Get(string(types.ModelKey(plan.Active)))
	if err != nil {
		return err
	}
	inForce, err := r.Get(string(types.ActiveModelKey))
	if err == nil && !bytes.Equal(content, inForce) {
		err = fmt.Errorf("audit: what is in force is not %s", plan.Active)
	}
	return err
}

// auditValidations: a model's validations are there, and somebody found it calibrated exactly if it says so.
func auditValidations(r state.Reader, s *types.ModelState) error {
	calibrated := false
	for _, id := range s.Validations {
		v, err := state.Get(r, types.ValidationKey(id))
		if err != nil {
			return err
		}
		if v == nil || v.Validation.Model != s.Model {
			return fmt.Errorf("validation %s is missing, or another model's", id)
		}
		calibrated = calibrated || v.Validation.Calibrated
	}
	if calibrated != s.Calibrated || len(s.Validations) > maxValidations {
		return fmt.Errorf("calibrated: %t after %d validations", s.Calibrated, len(s.Validations))
	}
	return nil
}

// auditRecoveries: at most one recovered key of a holder waits for its life, and none had less than 72 hours to wait.
func (b *Block) auditRecoveries(r state.Reader) error {
	holder := ""
	return each(r, types.Keys, func(_ string, k *types.KeyRecord) error {
		if !waitsForVeto(k, b.Unix) {
			return nil
		}
		if k.Holder == holder || k.ValidFromUnix > b.Unix+recoveryDelay {
			return errors.New("a second recovery waits, or one too long")
		}
		holder = k.Holder
		return nil
	})
}
