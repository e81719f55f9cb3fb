package ledger

import (
	"errors"
	"fmt"

	"tradecredit/app/state"
	"tradecredit/types"
)

// auditFallen: what fell was signed with a key that is marked for that time, and nothing rests on it any more.
func auditFallen(r state.Reader) error {
	for _, audit := range []func(state.Reader) error{
		auditFallenGoods, auditFallenCustoms, auditFallenMoney, auditFallenVerdicts,
	} {
		if err := audit(r); err != nil {
			return err
		}
	}
	return nil
}

// marked refuses what fell without a reason.
func marked(r state.Reader, p *types.Provenance) error {
	if p == nil || !p.Fallen {
		return nil
	}
	k, err := state.Get(r, types.KeyKey(p.Signer, p.Key))
	switch {
	case err != nil:
		return err
	case k == nil || k.CompromisedSinceUnix == 0 || k.CompromisedSinceUnix > p.Unix:
		return fmt.Errorf("it fell, and %s/%s was in nobody else's hands at %d", p.Signer, p.Key, p.Unix)
	}
	return nil
}

func auditFallenGoods(r state.Reader) error {
	err := each(r, types.Orders, func(_ string, o *types.Order) error { return marked(r, o.Provenance) })
	if err != nil {
		return err
	}
	return each(r, types.Movements, func(_ string, v *types.Movement) error {
		if err := marked(r, v.Provenance); err != nil || !v.Provenance.Fallen || v.Event.Event != types.LogisticsEvent_DELIVERED {
			return err
		}
		o, err := state.Get(r, types.OrderKey(v.Event.Order))
		switch {
		case err != nil:
			return err
		case o == nil || o.DeliveredIndependent || o.Legs&legGoods != 0:
			return errors.New("it fell, and its order still counts the delivery")
		}
		return nil
	})
}

func auditFallenCustoms(r state.Reader) error {
	return each(r, types.CustomsEvents, func(_ string, v *types.CustomsRecord) error {
		if err := marked(r, v.Provenance); err != nil || !v.Provenance.Fallen {
			return err
		}
		d, err := state.Get(r, types.DeclarationKey(v.Provenance.Signer+"/"+v.Event.Declaration))
		switch {
		case err != nil:
			return err
		case d == nil, v.Event.Event == types.CustomsEvent_RELEASED && d.ReleasedDay != 0,
			v.Event.Event == types.CustomsEvent_DECLARED && !d.Provenance.Fallen:
			return errors.New("it fell, and its declaration still rests on it")
		case v.Event.Event != types.CustomsEvent_RELEASED:
			return nil
		}
		e, err := state.Get(r, types.EncumbranceKey(string(types.DeclarationKey(d.Id))))
		if err != nil {
			return err
		}
		if pledged, err := pledgedMinor(e); err != nil || d.FinanceableMinor > pledged {
			return fmt.Errorf("it fell, and %d of its declaration can be financed, %d are", d.FinanceableMinor, pledged)
		}
		return nil
	})
}

func auditFallenMoney(r state.Reader) error {
	err := each(r, types.Receivables, func(_ string, v *types.Receivable) error { return marked(r, v.Provenance) })
	if err != nil {
		return err
	}
	err = each(r, types.Fixings, func(_ string, f *types.Fixing) error { return marked(r, f.Provenance) })
	if err != nil {
		return err
	}
	return each(r, types.Settlements, func(_ string, s *types.Settlement) error {
		if err := firstRefusal(marked(r, s.CreditorSide), marked(r, s.DebtorSide)); err != nil {
			return err
		}
		if s.CreditorSide == nil || !s.CreditorSide.Fallen {
			return nil
		}
		for i, p := range s.Parts {
			if !s.Reversed && (p.Counted || p.Bank) {
				return fmt.Errorf("it fell, and part %d counts", i)
			}
		}
		return nil
	})
}

func auditFallenVerdicts(r state.Reader) error {
	return each(r, types.Documents, func(_ string, d *types.Document) error {
		for _, v := range d.Verdicts {
			if err := marked(r, v.Provenance); err != nil {
				return err
			}
		}
		return nil
	})
}
