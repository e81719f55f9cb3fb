package model

import (
	"bytes"

	"tradecredit/types"
)

var rulesOfTraces = map[string]rule{
	"record_trace":        on((*Model).recordTrace),
	"record_parcel_batch": on((*Model).recordParcelBatch),
}

func (m *Model) shapeOfTrace(msg *types.RecordTrace) types.Code {
	codes := []types.Code{codeOf(types.CheckSourceID(msg.Id)), digest(msg.Lot), optionalDigest(msg.Commitment), required(msg.Event),
		m.place(msg.Place), notTooEarly(msg.Day), when(len(msg.FromLots) > 16, types.Code_list_too_long)}
	if msg.Order != "" {
		codes = append(codes, codeOf(types.CheckRecordID(msg.Order)))
	}
	for i, lot := range msg.FromLots {
		codes = append(codes, digest(lot), when(bytes.Equal(lot, msg.Lot), types.Code_list_not_sorted),
			when(i > 0 && bytes.Compare(msg.FromLots[i-1], lot) >= 0, types.Code_list_not_sorted))
	}
	made := msg.Event == types.TraceEvent_TRACE_PROCESSED || msg.Event == types.TraceEvent_TRACE_PACKED
	return lowest(append(codes, when(!made && len(msg.FromLots) > 0, types.Code_field_not_of_event))...)
}

// goodsOf refuses an order that is named and unknown, or one of services.
func (m *Model) goodsOf(order string) types.Code {
	if order == "" {
		return types.Code_ok
	}
	o, ok := m.orders.get(types.OrderKey(order))
	if !ok {
		return types.Code_order_unknown
	}
	return unless(ofGoods(&o), types.Code_not_goods)
}

func (m *Model) recordTrace(c *call, msg *types.RecordTrace) types.Code {
	if code := refusal(m.shapeOfTrace(msg), m.eventDay(msg.Day)); code != types.Code_ok {
		return code
	}
	at := types.TraceKey(c.id(msg.Id))
	if old, ok := m.traces.get(at); ok {
		return m.repeated(c, &old.Provenance, func() { m.traces.put(at, old) })
	}
	code := m.goodsOf(msg.Order)
	for _, lot := range msg.FromLots {
		code = refusal(code, unless(m.lots.has(types.LotKey(lot)), types.Code_record_unknown))
	}
	if code != types.Code_ok {
		return code
	}
	lot := m.lots.at(types.LotKey(msg.Lot))
	m.traces.put(at, types.Trace{Trace: msg, Provenance: m.provenance(c, msg.Day), Previous: lot.Last, Number: lot.Traces + 1})
	m.lots.put(types.LotKey(msg.Lot), types.Lot{Last: c.id(msg.Id), Traces: lot.Traces + 1})
	return types.Code_ok
}

// parcelModes are those under which parcels go.
var parcelModes = []string{"9610", "9810", "1210"}

func (m *Model) recordParcelBatch(c *call, msg *types.RecordParcelBatch) types.Code {
	codes := []types.Code{codeOf(types.CheckSourceID(msg.Id)), digest(msg.Root), m.place(msg.Place),
		when(msg.Count < 1 || msg.Count > maxParcels, types.Code_count_out_of_range), notTooEarly(msg.Day)}
	if msg.Order != "" {
		codes = append(codes, codeOf(types.CheckRecordID(msg.Order)))
	}
	if msg.Declaration != "" {
		codes = append(codes, codeOf(types.CheckRecordID(msg.Declaration)))
	}
	if code := refusal(lowest(codes...), m.eventDay(msg.Day)); code != types.Code_ok {
		return code
	}
	at := types.ParcelBatchKey(c.id(msg.Id))
	if old, ok := m.parcelBatches.get(at); ok {
		return m.repeated(c, &old.Provenance, func() { m.parcelBatches.put(at, old) })
	}
	code := m.goodsOf(msg.Order)
	if msg.Declaration != "" {
		d, ok := m.declarations.get(types.DeclarationKey(msg.Declaration))
		code = refusal(code, unless(ok, types.Code_declaration_unknown),
			when(d.Status == types.DeclarationStatus_DECLARATION_IS_REVOKED, types.Code_declaration_state_forbids),
			unless(contains(parcelModes, d.Mode), types.Code_linked_declaration_unfit),
			when(msg.Order != "" && d.Order != msg.Order, types.Code_linked_declaration_unfit))
	}
	if code != types.Code_ok {
		return code
	}
	m.parcelBatches.put(at, types.ParcelBatch{Batch: msg, Provenance: m.provenance(c, msg.Day)})
	return types.Code_ok
}
