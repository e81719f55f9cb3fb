package ledger

import (
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// IssueTransferable: a document that entitles whoever controls it comes into being as an electronic record: a bill of
// lading, a warehouse receipt, a bill of exchange, a promissory note.
//
// Signed by a carrier or warehouse keeper as LOGISTICS, which makes it SOURCE_SIGNED, or by an enterprise, itself or
// through its delegate: who draws a bill or makes a note. Writes transferable/<id>; posts TRANSFERABLE to the first
// controller's log, and to the issuing enterprise's.
//
// The UNCITRAL Model Law on Electronic Transferable Records asks for a reliable method that makes the record the single
// one, keeps it under control, and keeps it whole (art. 10), and for one person in exclusive control (art. 11). Here the
// record is one key of the state, its controller one field of it, at every height; the paper is its commitment.

// transferableTypes are the codes of UNTDID 1001 that name documents transferable by their nature. Sea waybills (710),
// air waybills (740), consignment notes and mate's receipts are none: they bind to a named consignee. Nor are copies
// (707) and those whose generic name leaves it open (712, 760, 764, 765).
var transferableTypes = [...]string{
	"485", // banker's draft
	"490", // bill of exchange
	"491", // promissory note
	"631", // forwarder's warehouse receipt: rights of holders by endorsement
	"635", // warehouse warrant
	"704", // master bill of lading
	"705", // bill of lading
	"706", // bill of lading original
	"709", // tanker bill of lading
	"711", // inland waterway bill of lading
	"714", // house bill of lading
	"716", // forwarder's bill of lading
	"761", // through bill of lading
	"763", // forwarder's certificate of transport: delivery to its holder
	"766", // combined transport or multimodal bill of lading
}

// checkIssueTransferable refuses what no state could make valid.
func checkIssueTransferable(m *types.IssueTransferable) error {
	return firstRefusal(
		types.CheckSourceID(m.Id),
		given(m.Order, types.CheckRecordID),
		types.CheckSubjectID(m.Controller),
		types.CheckDigest(m.Commitment), checkDigestGiven(m.TransportDocument),
		checkFingerprints(m.Fingerprints),
		types.CheckAmount(m.AmountMinor),
		types.CheckCurrency(m.Currency),
		types.CheckDocumentType(m.Type),
		checkEventDay(m.IssueDay),
		checkTransferableType(m.Type),
	)
}

func checkDigestGiven(digest []byte) error {
	if len(digest) == 0 {
		return nil
	}
	return types.CheckDigest(digest)
}

func checkTransferableType(code string) error {
	if !slices.Contains(transferableTypes[:], code) {
		return types.Refuse(types.Code_type_not_transferable, "%s of UNTDID 1001 names no transferable document", code)
	}
	return nil
}

// issueTransferable checks: day, id, controller, the signer's part, order and the controller's part in it, fingerprints,
// fixing, limit of the mandate.
func issueTransferable(tx *Tx, m *types.IssueTransferable) error {
	if err := tx.eventDay(m.IssueDay); err != nil {
		return err
	}
	id := tx.RecordID(m.Id)
	key := types.TransferableKey(id)
	old, err := state.Get(tx, key)
	if err != nil {
		return err
	}
	if old != nil {
		return again(tx, "transferable document", key, old, old.Provenance)
	}
	if _, err := tx.enterprise(m.Controller); err != nil {
		return err
	}
	issuer := tx.actor()
	if issuer != "" {
		if err := tx.actsFor(issuer, 0); err != nil {
			return err
		}
	}
	if m.Order != "" {
		o, err := tx.order(m.Order)
		if err != nil {
			return err
		}
		if m.Controller != o.Order.Seller && m.Controller != o.Order.Buyer {
			return types.Refuse(types.Code_order_parties_differ, "%s is between %s and %s", m.Order, o.Order.Seller, o.Order.Buyer)
		}
	}
	if err := tx.fingerprinted(m.Fingerprints); err != nil {
		return err
	}
	t := &types.Transferable{
		Document: m, Provenance: tx.provenance(m.IssueDay), Status: types.TransferableStatus_TRANSFERABLE_LIVE,
		Controller: m.Controller, ControlledSince: tx.Block.Height,
	}
	if t.BaseMinor, err = tx.toBase(m.AmountMinor, m.Currency, m.IssueDay); err != nil {
		return err
	}
	if err := tx.withinMandate(t.BaseMinor); err != nil {
		return err
	}
	if err := state.Set(tx, key, t); err != nil {
		return err
	}
	return tx.postTransferable(string(key), t, issuer)
}

// postTransferable tells the first controller, and the issuing enterprise if there is one and it is another.
func (tx *Tx) postTransferable(record string, t *types.Transferable, issuer string) error {
	if issuer == t.Controller {
		issuer = ""
	}
	e := tx.entry(types.EntryKind_ENTRY_TRANSFERABLE, record, issuer, t.Provenance)
	e.Day, e.BaseMinor = t.Document.IssueDay, t.BaseMinor
	if _, err := tx.post(t.Controller, e); err != nil || issuer == "" {
		return err
	}
	e.Counterparty = t.Controller
	_, err := tx.post(issuer, e)
	return err
}

// transferable returns a transferable document.
func (tx *Tx) transferable(id string) (*types.Transferable, error) {
	t, err := state.Get(tx, types.TransferableKey(id))
	if err == nil && t == nil {
		return nil, types.Refuse(types.Code_transferable_unknown, "%s", id)
	}
	return t, err
}

// controlled returns a document that the signer may dispose of on a day: it is in circulation, the signer acts for its
// controller, and nobody lent on it.
func (tx *Tx) controlled(id string, day int32) (*types.Transferable, error) {
	t, err := tx.transferable(id)
	if err != nil {
		return nil, err
	}
	if actor := tx.actor(); actor != t.Controller {
		return nil, types.Refuse(types.Code_not_the_controller, "%s controls %s", t.Controller, id)
	}
	if err := tx.actsFor(t.Controller, t.BaseMinor); err != nil {
		return nil, err
	}
	switch {
	case t.Status != types.TransferableStatus_TRANSFERABLE_LIVE:
		return nil, types.Refuse(types.Code_transferable_state_forbids, "%s is %s", id, t.Status)
	case day < t.Document.IssueDay:
		return nil, types.Refuse(types.Code_transferable_state_forbids, "%s was issued later, on %s", id, types.FormatDay(t.Document.IssueDay))
	}
	row, err := tx.liens(string(types.TransferableKey(id)))
	if err == nil && row != nil {
		return nil, types.Refuse(types.Code_transferable_pledged, "%s secures %s", id, row.Liens[0].Financing)
	}
	return t, err
}

// tellControl posts that control came to a subject, or went from it, naming the other.
func (tx *Tx) tellControl(id string, t *types.Transferable, day int32, subject, other string) error {
	e := tx.entry(types.EntryKind_ENTRY_CONTROL, string(types.TransferableKey(id)), other, tx.provenance(day))
	e.Day, e.BaseMinor = day, t.BaseMinor
	_, err := tx.post(subject, e)
	return err
}
