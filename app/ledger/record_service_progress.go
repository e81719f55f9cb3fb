package ledger

import (
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// RecordServiceProgress: what was executed of a service contract.
//
// Signed by the seller, itself or through its delegate. Writes progress/<id>, adds to the executed value of order/<id>, and
// posts PROGRESS to the seller's log. It is the seller's word alone and counts nowhere: the buyer or the tax authority
// confirms it (confirm_service_progress.go). The steps of a contract never exceed its value.

// serviceClasses are the codes of EBOPS 2010 under which digital services are counted: insurance, finance, intellectual
// property, telecommunications and computer, other business, personal and cultural services.
var serviceClasses = []string{"SF", "SG", "SH", "SI", "SJ", "SK"}

// checkRecordServiceProgress refuses what no state could make valid.
func checkRecordServiceProgress(m *types.RecordServiceProgress) error {
	return firstRefusal(
		types.CheckSourceID(m.Id),
		types.CheckRecordID(m.Order),
		types.CheckDigest(m.Commitment),
		required(m.Service, "service"),
		types.CheckAmount(m.ExecutedMinor),
		checkServiceClass(m.Ebops),
		checkEventDay(m.Day),
	)
}

func checkServiceClass(code string) error {
	if !slices.Contains(serviceClasses, code) {
		return types.Refuse(types.Code_service_class_unknown, "%q; EBOPS 2010: %v", code, serviceClasses)
	}
	return nil
}

// recordServiceProgress checks: day, id, order, the signer's part, kind, state, day of the order, contract value, limit
// of the mandate.
func recordServiceProgress(tx *Tx, m *types.RecordServiceProgress) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	id := tx.RecordID(m.Id)
	old, err := state.Get(tx, types.ProgressKey(id))
	if err != nil {
		return err
	}
	if old != nil {
		return again(tx, "progress", types.ProgressKey(id), old, old.Provenance)
	}
	o, err := tx.order(m.Order)
	if err != nil {
		return err
	}
	if err := tx.actsFor(o.Order.Seller, 0); err != nil {
		return err
	}
	if err := service(m.Order, o); err != nil {
		return err
	}
	if o.Status != types.OrderStatus_PROPOSED && o.Status != types.OrderStatus_CONFIRMED {
		return orderState(o, m.Order, "nothing is left to be performed")
	}
	if err := sinceOrder(o, m.Day); err != nil {
		return err
	}
	p := &types.Progress{Progress: m, Provenance: tx.provenance(m.Day), Status: types.ProgressStatus_PROGRESS_RECORDED}
	if p.BaseMinor, err = execute(m, o); err != nil {
		return err
	}
	if err := tx.withinMandate(p.BaseMinor); err != nil {
		return err
	}
	o.CancelAskedBy = ""
	if err := state.Set(tx, types.OrderKey(m.Order), o); err != nil {
		return err
	}
	e := tx.orderEntry(types.EntryKind_ENTRY_PROGRESS, string(types.ProgressKey(id)), o, o.Order.Buyer, p.Provenance, m.Day)
	e.BaseMinor, e.Counted = p.BaseMinor, false
	if _, err := tx.post(o.Order.Seller, e); err != nil {
		return err
	}
	return state.Set(tx, types.ProgressKey(id), p)
}

// execute adds a step to the executed value, and returns its base amount: by cumulative rounding, so that the steps of a
// contract add up to its base amount.
func execute(m *types.RecordServiceProgress, o *types.Order) (base int64, err error) {
	executed, err := types.Add(o.ExecutedMinor, m.ExecutedMinor)
	if err != nil {
		return 0, err
	}
	if executed > o.Order.AmountMinor {
		return 0, types.Refuse(types.Code_executed_over_contract, "%d would be executed of %d", executed, o.Order.AmountMinor)
	}
	before, err := types.Share(o.BaseMinor, o.ExecutedMinor, o.Order.AmountMinor)
	if err != nil {
		return 0, err
	}
	after, err := types.Share(o.BaseMinor, executed, o.Order.AmountMinor)
	o.ExecutedMinor = executed
	return after - before, err
}
