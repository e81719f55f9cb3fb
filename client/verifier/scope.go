package verifier

import (
	"encoding/hex"
	"fmt"
	"strings"

	"tradecredit/types"
)

// Object is something that can be financed, with the locks that rest on it at the proved height.
type Object struct {
	Key      string `json:"key"`
	Known    bool   `json:"known"`  // false: the ledger has no such record, proved
	Status   string `json:"status"` // by the name of its enum
	Currency string `json:"currency"`
	Minor    int64  `json:"minor"`    // its whole amount
	Trade    string `json:"trade"`    // state key of the order that it belongs to; empty: none is named
	Dispute  string `json:"dispute"`  // an open dispute of it, which bars new financing; empty: none
	Liens    []Lien `json:"liens"`    // live ones; none: it is not pledged, proved
	OnTrade  []Lien `json:"on_trade"` // live ones on any object of its trade, its own included
}

// Lien is one financing's hold on an object.
type Lien struct {
	Financing string `json:"financing"`
	Lender    string `json:"lender"`
	Object    string `json:"object"`   // of its trade, the one it is on
	Minor     int64  `json:"minor"`    // in the object's currency
	Reserved  bool   `json:"reserved"` // not financed yet
	Registry  string `json:"registry"`
}

// Document is an anchored document and what verifiers said of it.
type Document struct {
	ID       string `json:"id"`
	Known    bool   `json:"known"` // false: the ledger has no such document, proved
	Type     string `json:"type"`
	Subject  string `json:"subject"`
	Object   string `json:"object"`
	Status   string `json:"status"`
	Verdicts int    `json:"verdicts"`
	Until    int32  `json:"until"` // last day; 0: no end
	// Commitment is the Merkle root over its salted fields, hexadecimal, of which a holder can disclose single ones.
	Commitment string `json:"commitment"`
}

// verifyScope reads what the report says beside its receipt: documents, and objects with their locks. A record of a kind
// that is not shown is refused: it would be believed without being understood.
func (v *Verdict) verifyScope(r *Report, _ Options) error {
	used := map[string]bool{
		string(types.ChainKey): true, string(types.ReceiptKey(v.Receipt.Id)): true, string(types.ModelKey(v.Receipt.Model)): true,
	}
	if head := string(types.SubjectKey(v.Receipt.Subject)); r.Entries != nil {
		used[head] = true
	}
	for _, rec := range r.State.Records {
		id, isDocument := strings.CutPrefix(rec.Key, string(types.Documents))
		object, isLock := strings.CutPrefix(rec.Key, string(types.Encumbrances))
		switch {
		case isDocument:
			d, err := documentOf(id, rec.Value)
			if err != nil {
				return err
			}
			used[rec.Key] = true
			v.Documents = append(v.Documents, d)
		case isLock && !strings.HasPrefix(object, string(types.Orders)):
			o, err := r.object(object, used)
			if err != nil {
				return err
			}
			v.Objects = append(v.Objects, o)
		}
	}
	for _, rec := range r.State.Records {
		if !used[rec.Key] {
			return fmt.Errorf("%w: %s says nothing here", ErrReportScope, rec.Key)
		}
	}
	return nil
}

func documentOf(id string, value []byte) (Document, error) {
	d := Document{ID: id, Known: value != nil}
	if !d.Known {
		return d, nil
	}
	rec := new(types.Document)
	if err := DecodeRecord(value, rec); err != nil {
		return d, err
	}
	if rec.Document == nil {
		return d, fmt.Errorf("%w: document %s", ErrValue, id)
	}
	d.Type, d.Subject, d.Object, d.Until = rec.Document.Type, rec.Document.Subject, rec.Document.Object, rec.Document.ValidUntilDay
	d.Status, d.Verdicts, d.Commitment = rec.Status.String(), len(rec.Verdicts), hex.EncodeToString(rec.Document.Commitment)
	return d, nil
}

// object reads an object, its lock, and the lock of its trade if it names one. All three must be in the report.
func (r *Report) object(key string, used map[string]bool) (Object, error) {
	o := Object{Key: key}
	value, shown := r.State.record(key)
	if !shown {
		return o, fmt.Errorf("%w: the lock of %s, without the object", ErrReportScope, key)
	}
	used[key] = true
	if o.Known = value != nil; o.Known {
		if err := o.read(value); err != nil {
			return o, err
		}
	} else if _, err := TradeOf(key, nil); err != nil {
		return o, err
	}
	var err error
	if o.Liens, err = r.liens(key, used); err != nil || o.Trade == "" {
		return o, err
	}
	o.OnTrade, err = r.liens(o.Trade, used)
	return o, err
}

// read takes from an object's record what a reader is shown.
func (o *Object) read(value []byte) error {
	order := ""
	switch {
	case strings.HasPrefix(o.Key, string(types.Receivables)):
		r := new(types.Receivable)
		if err := DecodeRecord(value, r); err != nil || r.Receivable == nil {
			return fmt.Errorf("%w: %s", ErrValue, o.Key)
		}
		order, o.Status, o.Dispute = r.Receivable.Order, r.Status.String(), r.Dispute
		o.Currency, o.Minor = r.Receivable.Currency, r.Receivable.AmountMinor
	case strings.HasPrefix(o.Key, string(types.Declarations)):
		d := new(types.Declaration)
		if err := DecodeRecord(value, d); err != nil {
			return fmt.Errorf("%s: %w", o.Key, err)
		}
		order, o.Status, o.Currency, o.Minor = d.Order, d.Status.String(), d.Currency, d.ValueMinor
	case strings.HasPrefix(o.Key, string(types.Transferables)):
		d := new(types.Transferable)
		if err := DecodeRecord(value, d); err != nil || d.Document == nil {
			return fmt.Errorf("%w: %s", ErrValue, o.Key)
		}
		order, o.Status, o.Currency, o.Minor = d.Document.Order, d.Status.String(), d.Document.Currency, d.Document.AmountMinor
	default:
		return fmt.Errorf("%w: %s is nothing that can be financed", ErrReportScope, o.Key)
	}
	if order != "" {
		o.Trade = string(types.OrderKey(order))
	}
	return nil
}

// liens reads a lock; its absence, or a row without live liens, is none.
func (r *Report) liens(object string, used map[string]bool) ([]Lien, error) {
	key := string(types.EncumbranceKey(object))
	value, shown := r.State.record(key)
	if !shown {
		return nil, fmt.Errorf("%w: %s, without its lock", ErrReportScope, object)
	}
	used[key] = true
	if value == nil {
		return nil, nil
	}
	row := new(types.Encumbrance)
	if err := DecodeRecord(value, row); err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	var out []Lien
	for _, l := range row.Liens {
		out = append(out, Lien{Financing: l.Financing, Lender: l.Lender, Object: l.Object, Minor: l.AmountMinor, Reserved: l.Reserved, Registry: l.RegistryNumber})
	}
	return out, nil
}

// TradeOf is the state key of the order that an object's record names; empty when it names none or is absent. Whoever
// makes a report adds the lock of that trade to it. ErrReportScope for a key of nothing that can be financed.
func TradeOf(key string, value []byte) (string, error) {
	o := Object{Key: key}
	if value == nil {
		for _, kind := range []string{string(types.Receivables), string(types.Declarations), string(types.Transferables)} {
			if id, ok := strings.CutPrefix(key, kind); ok && types.CheckRecordID(id) == nil {
				return "", nil
			}
		}
		return "", fmt.Errorf("%w: %s is nothing that can be financed", ErrReportScope, key)
	}
	err := o.read(value)
	return o.Trade, err
}
