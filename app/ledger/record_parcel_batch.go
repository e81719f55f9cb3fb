package ledger

import (
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// RecordParcelBatch: many parcels under one root.
//
// Signed by LOGISTICS, or by a PLATFORM or VERIFIER as a third party. Writes parcels/<id>: the RFC 6962 root over the parcels'
// salted leaves and their number. Whoever holds a parcel and its proof shows it alone, offline, and nothing of the others;
// package client makes and checks both. It may name the order and the declaration that the parcels went under. Nothing else
// changes, and no log hears of it: a parcel is no subject.

// maxParcels bounds a batch.
const maxParcels = 1_000_000

// parcelModes are the customs supervision modes under which parcels go: by lists, from overseas warehouses, and from bonded
// zones.
var parcelModes = []string{"1210", "9610", "9810"}

// checkRecordParcelBatch refuses what no state could make valid.
func checkRecordParcelBatch(m *types.RecordParcelBatch) error {
	return firstRefusal(
		types.CheckSourceID(m.Id),
		given(m.Order, types.CheckRecordID),
		given(m.Declaration, types.CheckRecordID),
		types.CheckDigest(m.Root),
		types.CheckPlace(m.Place),
		checkParcelCount(m),
		checkEventDay(m.Day),
	)
}

func checkParcelCount(m *types.RecordParcelBatch) error {
	if m.Count < 1 || m.Count > maxParcels {
		return types.Refuse(types.Code_count_out_of_range, "%d parcels: 1 to %d", m.Count, maxParcels)
	}
	return nil
}

// recordParcelBatch checks: day, id, order, kind of the order, declaration, whether it fits.
func recordParcelBatch(tx *Tx, m *types.RecordParcelBatch) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	id := tx.RecordID(m.Id)
	old, err := state.Get(tx, types.ParcelBatchKey(id))
	if err != nil {
		return err
	}
	if old != nil {
		return again(tx, "batch of parcels", types.ParcelBatchKey(id), old, old.Provenance)
	}
	if err := tx.goodsOf(m.Order); err != nil {
		return err
	}
	if err := tx.declaredParcels(m); err != nil {
		return err
	}
	return state.Set(tx, types.ParcelBatchKey(id), &types.ParcelBatch{Batch: m, Provenance: tx.provenance(m.Day)})
}

// declaredParcels refuses a declaration that parcels do not go under: revoked, of another mode, or of another order.
func (tx *Tx) declaredParcels(m *types.RecordParcelBatch) error {
	if m.Declaration == "" {
		return nil
	}
	d, err := state.Get(tx, types.DeclarationKey(m.Declaration))
	switch {
	case err != nil:
		return err
	case d == nil:
		return types.Refuse(types.Code_declaration_unknown, "%s", m.Declaration)
	case d.Status == types.DeclarationStatus_DECLARATION_IS_REVOKED:
		return types.Refuse(types.Code_declaration_state_forbids, "%s is %s", m.Declaration, d.Status)
	case !slices.Contains(parcelModes, d.Mode):
		return types.Refuse(types.Code_linked_declaration_unfit, "no parcels go under mode %s", d.Mode)
	case m.Order != "" && d.Order != m.Order:
		return types.Refuse(types.Code_linked_declaration_unfit, "%s is of %s", m.Declaration, d.Order)
	}
	return nil
}
