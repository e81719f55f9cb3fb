package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// auditGoods: orders, services, returns and lots add up. What was executed stays within the contract, and what was
// returned within the order; the promises in the sums are those of the orders; every order's match is what its row and
// its declaration say.
func auditGoods(r state.Reader) error {
	for _, audit := range []func(state.Reader) error{
		auditMatches, auditServices, auditReturns, auditPromises, auditLots, auditParcels,
	} {
		if err := audit(r); err != nil {
			return err
		}
	}
	return nil
}

func auditMatches(r state.Reader) error {
	return each(r, types.Orders, func(_ string, o *types.Order) error {
		again := *o
		if err := rematch(r, &again); err != nil {
			return err
		}
		if again.Match != o.Match || !slices.Equal(again.Differs, o.Differs) {
			return fmt.Errorf("%s %v, its row says %s %v", again.Match, again.Differs, o.Match, o.Differs)
		}
		done, err := claimsDone(r, o)
		switch {
		case err != nil:
			return err
		case o.Status == types.OrderStatus_ORDER_CLOSED && !done, o.Status == types.OrderStatus_ORDER_ACCEPTED && done:
			return fmt.Errorf("%s, and all that was claimed is over: %v", o.Status, done)
		case o.Status == types.OrderStatus_ORDER_CANCELLED && (o.PromiseEntry != 0 || o.PaidMinor != 0 || o.ExecutedMinor != 0):
			return errors.New("cancelled, and something goes on")
		case (o.Amendment == nil) != (o.AmendedBy == ""):
			return errors.New("an amendment of nobody")
		}
		return nil
	})
}

// auditServices: an order shows exactly what the steps of its service say.
func auditServices(r state.Reader) error {
	steps := map[string]*types.Order{} // read by key only
	err := each(r, types.Progresses, func(_ string, p *types.Progress) error {
		sum, step := steps[p.Progress.Order], p.Progress.ExecutedMinor
		if sum == nil {
			sum = &types.Order{}
			steps[p.Progress.Order] = sum
		}
		sum.ExecutedMinor += step
		if p.Status == types.ProgressStatus_PROGRESS_CONFIRMED {
			sum.ConfirmedMinor += step
		}
		if p.BuyerOutside {
			sum.BuyerConfirmedMinor += step
		}
		if p.TaxOutside {
			sum.TaxConfirmedMinor += step
		}
		if byMember(p) {
			sum.MemberConfirmedMinor += step
		}
		if confirmed := p.Buyer != nil || p.Tax != nil; confirmed != (p.Status == types.ProgressStatus_PROGRESS_CONFIRMED) {
			return fmt.Errorf("%s, and confirmed by somebody: %v", p.Status, confirmed)
		}
		if p.Tax != nil && p.Tax.Fallen && p.TaxOutside {
			return errors.New("the tax authority's confirmation fell, and its order still rests on it")
		}
		return marked(r, p.Tax)
	})
	if err != nil {
		return err
	}
	return each(r, types.Orders, func(id string, o *types.Order) error {
		sum := steps[id]
		if sum == nil {
			sum = &types.Order{}
		}
		switch {
		case sum.ExecutedMinor != o.ExecutedMinor || sum.ConfirmedMinor != o.ConfirmedMinor ||
			sum.BuyerConfirmedMinor != o.BuyerConfirmedMinor || sum.TaxConfirmedMinor != o.TaxConfirmedMinor ||
			sum.MemberConfirmedMinor != o.MemberConfirmedMinor:
			return fmt.Errorf("steps %v, the record says %d executed, %d confirmed", sum, o.ExecutedMinor, o.ConfirmedMinor)
		case o.ExecutedMinor > o.Order.AmountMinor || o.ConfirmedMinor > o.ExecutedMinor:
			return fmt.Errorf("%d confirmed of %d executed of %d", o.ConfirmedMinor, o.ExecutedMinor, o.Order.AmountMinor)
		case isService(o) && o.Legs&legGoods != 0 && o.TaxConfirmedMinor != o.Order.AmountMinor:
			return fmt.Errorf("the leg of the goods, and the tax authority confirmed %d of %d", o.TaxConfirmedMinor, o.Order.AmountMinor)
		}
		return nil
	})
}

// auditReturns: an order shows exactly what its returns say.
func auditReturns(r state.Reader) error {
	returns := map[string]*types.Order{} // read by key only
	err := each(r, types.Returns, func(_ string, v *types.ReturnRecord) error {
		sum := returns[v.Opened.Order]
		if sum == nil {
			sum = &types.Order{}
			returns[v.Opened.Order] = sum
		}
		back := v.Opened.Kind == types.ReturnKind_RETURN_GOODS && v.Stage == types.ReturnStage_RETURN_RECEIVED
		out := v.Stage == types.ReturnStage_RETURN_REEXPORTED
		if !out {
			sum.ReturnedMinor += v.Opened.ValueMinor
		}
		if back {
			sum.BackMinor += v.Opened.ValueMinor
		}
		if !back && !out {
			sum.OpenReturns++
		}
		if v.Provenance.Fallen && v.Counted {
			return errors.New("it fell, and weighs against the seller")
		}
		return marked(r, v.Provenance)
	})
	if err != nil {
		return err
	}
	return each(r, types.Orders, func(id string, o *types.Order) error {
		sum := returns[id]
		if sum == nil {
			sum = &types.Order{}
		}
		switch {
		case sum.ReturnedMinor != o.ReturnedMinor || sum.BackMinor != o.BackMinor || sum.OpenReturns != o.OpenReturns:
			return fmt.Errorf("returns %v, the record says %d, of these %d back, %d open", sum, o.ReturnedMinor, o.BackMinor, o.OpenReturns)
		case o.ReturnedMinor > o.Order.AmountMinor:
			return fmt.Errorf("%d returned of %d", o.ReturnedMinor, o.Order.AmountMinor)
		case (o.Status == types.OrderStatus_ORDER_RETURNING) != (o.OpenReturns > 0):
			return fmt.Errorf("%s with %d returns open", o.Status, o.OpenReturns)
		}
		return nil
	})
}

// auditPromises: the open promises in the sums are those of the orders, day by day.
func auditPromises(r state.Reader) error {
	type promise struct {
		seller string
		day    int32
	}
	open := map[promise]int64{} // read by key, and counted
	err := each(r, types.Orders, func(_ string, o *types.Order) error {
		if o.PromiseEntry != 0 {
			open[promise{o.Order.Seller, o.Order.PromisedDay}]++
		}
		return nil
	})
	if err != nil {
		return err
	}
	days := 0
	err = each(r, types.Months, func(id string, m *types.MonthSum) error {
		subject := id[:len(id)-len("/00000")]
		for _, d := range m.Promised {
			if n := open[promise{subject, d.Day}]; n != d.Items {
				return fmt.Errorf("%d promises for %s, the orders have %d", d.Items, types.FormatDay(d.Day), n)
			}
			days++
		}
		return nil
	})
	if err == nil && days != len(open) {
		return fmt.Errorf("audit: orders promise for %d days, the sums for %d", len(open), days)
	}
	return err
}

// auditLots: the traces of a lot form one chain, as long as the lot says.
func auditLots(r state.Reader) error {
	traces := map[string]uint32{} // read by key only
	err := each(r, types.Traces, func(_ string, t *types.Trace) error {
		traces[string(t.Trace.Lot)]++
		if t.Number == 1 && t.Previous == "" {
			return nil
		}
		before, err := state.Get(r, types.TraceKey(t.Previous))
		if err != nil {
			return err
		}
		if before == nil || before.Number+1 != t.Number || !bytes.Equal(before.Trace.Lot, t.Trace.Lot) {
			return fmt.Errorf("trace %d of its lot goes on from %q", t.Number, t.Previous)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return each(r, types.Lots, func(_ string, l *types.Lot) error {
		last, err := state.Get(r, types.TraceKey(l.Last))
		if err != nil {
			return err
		}
		if last == nil || last.Number != l.Traces || traces[string(last.Trace.Lot)] != l.Traces {
			return fmt.Errorf("%d traces, and %q is the last", l.Traces, l.Last)
		}
		return nil
	})
}

// auditParcels: what a batch names is there.
func auditParcels(r state.Reader) error {
	return each(r, types.ParcelBatches, func(_ string, b *types.ParcelBatch) error {
		if b.Batch.Declaration == "" {
			return nil
		}
		d, err := state.Get(r, types.DeclarationKey(b.Batch.Declaration))
		if err == nil && (d == nil || b.Batch.Order != "" && d.Order != b.Batch.Order) {
			return fmt.Errorf("%s is no declaration of %s", b.Batch.Declaration, b.Batch.Order)
		}
		return err
	})
}
