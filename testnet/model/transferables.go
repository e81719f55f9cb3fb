package model

import "tradecredit/types"

var rulesOfTransferables = map[string]rule{
	"issue_transferable": on((*Model).issueTransferable),
	"transfer_control":   on((*Model).transferControl),
	"surrender":          on((*Model).surrender),
}

// transferableTypes are the codes of UNTDID 1001 whose documents are transferable by their nature.
var transferableTypes = []string{"485", "490", "491", "631", "635", "704", "705", "706", "709", "711", "714", "716", "761", "763", "766"}

func (m *Model) issueTransferable(c *call, msg *types.IssueTransferable) types.Code {
	codes := []types.Code{codeOf(types.CheckSourceID(msg.Id)), codeOf(types.CheckSubjectID(msg.Controller)), digest(msg.Commitment),
		optionalDigest(msg.TransportDocument), shapeOfFingerprints(msg.Fingerprints), amount(msg.AmountMinor), m.currency(msg.Currency),
		codeOf(types.CheckDocumentType(msg.Type)), notTooEarly(msg.IssueDay), unless(contains(transferableTypes, msg.Type), types.Code_type_not_transferable)}
	if msg.Order != "" {
		codes = append(codes, codeOf(types.CheckRecordID(msg.Order)))
	}
	if code := refusal(lowest(codes...), m.eventDay(msg.IssueDay)); code != types.Code_ok {
		return code
	}
	at := types.TransferableKey(c.id(msg.Id))
	if old, ok := m.transferables.get(at); ok {
		return m.repeated(c, &old.Provenance, func() { m.transferables.put(at, old) })
	}
	code := refusal(m.registered(msg.Controller), m.mandate(c))
	if msg.Order != "" {
		o, ok := m.orders.get(types.OrderKey(msg.Order))
		code = refusal(code, unless(ok, types.Code_order_unknown))
		if code == types.Code_ok {
			code = unless(msg.Controller == o.Order.Buyer || msg.Controller == o.Order.Seller, types.Code_order_parties_differ)
		}
	}
	base, unfixed := m.base(msg.AmountMinor, msg.Currency, msg.IssueDay)
	if code = refusal(code, m.fingerprinted(msg.Fingerprints), unfixed, m.withinLimit(c, base)); code != types.Code_ok {
		return code
	}
	p := m.provenance(c, msg.IssueDay)
	m.transferables.put(at, types.Transferable{Document: msg, Provenance: p, Status: types.TransferableStatus_TRANSFERABLE_LIVE,
		Controller: msg.Controller, ControlledSince: m.height, BaseMinor: base})
	e := entryOf(types.EntryKind_ENTRY_TRANSFERABLE, string(at), p, msg.IssueDay)
	e.BaseMinor = base
	issuer := c.party()
	if issuer != msg.Controller {
		e.Counterparty = issuer
	}
	m.post(msg.Controller, e)
	if issuer != "" && issuer != msg.Controller {
		e.Counterparty = msg.Controller
		m.post(issuer, e)
	}
	return types.Code_ok
}

// controlled reads a document that the signer may dispose of on a day.
func (m *Model) controlled(c *call, id string, day int32) (types.Transferable, types.Code) {
	t, ok := m.transferables.get(types.TransferableKey(id))
	if !ok {
		return t, types.Code_transferable_unknown
	}
	live := t.Status == types.TransferableStatus_TRANSFERABLE_LIVE && day >= t.Document.IssueDay
	return t, refusal(unless(c.party() == t.Controller, types.Code_not_the_controller), m.mandate(c), m.withinLimit(c, t.BaseMinor),
		unless(live, types.Code_transferable_state_forbids), when(len(m.liens("transferable/"+id)) > 0, types.Code_transferable_pledged))
}

func (m *Model) transferControl(c *call, msg *types.TransferControl) types.Code {
	code := refusal(lowest(codeOf(types.CheckRecordID(msg.Transferable)), codeOf(types.CheckSubjectID(msg.To)), notTooEarly(msg.Day)), m.eventDay(msg.Day))
	if code != types.Code_ok {
		return code
	}
	t, code := m.controlled(c, msg.Transferable, msg.Day)
	code = refusal(code, m.registered(msg.To), when(msg.To == t.Controller, types.Code_parties_must_differ))
	if code != types.Code_ok {
		return code
	}
	at := types.TransferableKey(msg.Transferable)
	e := entryOf(types.EntryKind_ENTRY_CONTROL, string(at), m.provenance(c, msg.Day), msg.Day)
	e.BaseMinor, e.Counterparty = t.BaseMinor, msg.To
	m.post(t.Controller, e)
	e.Counterparty = t.Controller
	m.post(msg.To, e)
	t.Controller, t.ControlledSince = msg.To, m.height
	t.Transfers++
	m.transferables.put(at, t)
	return types.Code_ok
}

func (m *Model) surrender(c *call, msg *types.Surrender) types.Code {
	code := refusal(codeOf(types.CheckRecordID(msg.Transferable)), notTooEarly(msg.Day), m.eventDay(msg.Day))
	if code != types.Code_ok {
		return code
	}
	t, code := m.controlled(c, msg.Transferable, msg.Day)
	if code != types.Code_ok {
		return code
	}
	at := types.TransferableKey(msg.Transferable)
	t.Status, t.SurrenderedDay = types.TransferableStatus_SURRENDERED, msg.Day
	e := entryOf(types.EntryKind_ENTRY_CONTROL, string(at), m.provenance(c, msg.Day), msg.Day)
	e.BaseMinor = t.BaseMinor
	m.post(t.Controller, e)
	m.transferables.put(at, t)
	return types.Code_ok
}
