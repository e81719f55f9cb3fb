package ledger

import (
	"slices"
	"strings"

	"tradecredit/types"
)

// An item is a record that speaks about an enterprise, as its subject sees it: who answers for it, and whom it is about.
// Some items count in scores, so that a subject may dispute them (dispute.go); to every item it may add its statement
// (add_statement.go). An item goes by its state key. A verdict has no key of its own: it goes by the key of its document
// and the verifier that gave it, document/<id>/<verifier>.

// item is one record in this light.
type item struct {
	provider string   // who answers for it: a member, or the enterprise that it was signed for
	signer   string   // whose key signed it
	about    []string // the enterprises that it speaks about
	unfit    string   // why it cannot be disputed now; empty: it can
}

// itemKind is a kind of items, by the prefix of their keys.
type itemKind struct {
	prefix string
	read   func(tx *Tx, id string) (*item, error) // nil: there is no such record
	// leave takes the item out of the sums for good, by the exact inverse of what it still counts, and returns how much
	// that was to do; nil: the kind counts nowhere, and is not disputed.
	leave func(tx *Tx, id string) (work int, err error)
}

var itemKinds = []itemKind{
	{string(types.Adverses), readAdverse, leaveAdverse},
	{string(types.Receivables), readReceivable, leaveReceivable},
	{string(types.Settlements), readSettlement, leaveSettlement},
	{string(types.Orders), readOrder, leaveOrder},
	{string(types.Movements), readMovement, leaveMovement},
	{string(types.Returns), readReturn, leaveReturn},
	{string(types.CustomsEvents), readCustomsEvent, leaveCustomsEvent},
	{string(types.Documents), readVerdict, leaveVerdict},
	{string(types.TaxEvents), readTaxEvent, leaveTaxEvent},
	{string(types.FxEvents), readFxEvent, leaveFxEvent},
	{string(types.Financings), readFinancing, leaveFinancing},
	{string(types.Declarations), readDeclaration, nil},
	{string(types.CreditNotes), readCreditNote, nil},
	{string(types.Repayments), readRepayment, nil},
	{string(types.Disputes), readDispute, nil},
	{string(types.Receipts), readReceipt, nil},
}

// itemKindOf splits a state key into its kind and the rest; nil when nothing is said about such records.
func itemKindOf(key string) (*itemKind, string) {
	for i := range itemKinds {
		if id, ok := strings.CutPrefix(key, itemKinds[i].prefix); ok {
			return &itemKinds[i], id
		}
	}
	return nil, ""
}

// checkItem refuses what is no key of an item.
func checkItem(key string) error {
	kind, id := itemKindOf(key)
	switch {
	case kind == nil:
		return nil // whether such a record can be meant is for the message to say
	case kind.prefix == string(types.Settlements):
		if len(id) != 64 || strings.Trim(id, "0123456789abcdef") != "" {
			return types.Refuse(types.Code_record_id_malformed, "settlement/ and 64 hexadecimal digits")
		}
		return nil
	case kind.prefix == string(types.Documents):
		if strings.Count(id, "/") < 2 {
			return types.CheckRecordID(id)
		}
		document, verifier := splitVerdict(id)
		return firstRefusal(types.CheckRecordID(document), types.CheckMemberID(verifier))
	}
	return types.CheckRecordID(id)
}

// splitVerdict splits the rest of a verdict's key into document and verifier; the verifier is empty for the document
// itself.
func splitVerdict(id string) (document, verifier string) {
	if strings.Count(id, "/") < 2 {
		return id, ""
	}
	i := strings.LastIndexByte(id, '/')
	return id[:i], id[i+1:]
}

// item reads what a key names; unknown records are refused.
func (tx *Tx) item(key string) (*item, error) {
	kind, id := itemKindOf(key)
	it, err := kind.read(tx, id)
	if err == nil && it == nil {
		return nil, types.Refuse(types.Code_record_unknown, "%s", key)
	}
	return it, err
}

// signedBy begins an item from its record's provenance.
func signedBy(p *types.Provenance, about ...string) *item {
	it := &item{provider: p.Signer, signer: p.Signer, about: about}
	if party := recordedFor(p); party != "" {
		it.provider = party
	}
	return it
}

// another lists whom an item is about, but for whoever answers for it.
func (it *item) another() []string {
	return slices.DeleteFunc(slices.Clone(it.about), func(s string) bool { return s == it.provider })
}
