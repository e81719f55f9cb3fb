package client

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tradecredit/types"
)

// EpochKey is the consortium key of one epoch, as a gateway holds it.
type EpochKey struct {
	Epoch uint32
	Key   []byte // 32 bytes
}

// ParseEpochKeys reads "1=FILE" for every open epoch, and returns the keys by ascending epochs. The files are those of
// ReadSaltKey: 64 hexadecimal digits that only the owner can read.
func ParseEpochKeys(given []string) ([]EpochKey, error) {
	var out []EpochKey
	for _, g := range given {
		number, path, ok := strings.Cut(g, "=")
		epoch, err := strconv.ParseUint(number, 10, 32)
		if !ok || err != nil || epoch == 0 {
			return nil, fmt.Errorf("%q: an epoch key is EPOCH=FILE", g)
		}
		key, err := ReadSaltKey(path)
		if err != nil {
			return nil, err
		}
		out = append(out, EpochKey{uint32(epoch), key})
	}
	slices.SortFunc(out, func(a, b EpochKey) int { return int(a.Epoch) - int(b.Epoch) })
	for i := range out[:max(len(out)-1, 0)] {
		if out[i].Epoch == out[i+1].Epoch {
			return nil, fmt.Errorf("epoch %d has two keys", out[i].Epoch)
		}
	}
	return out, nil
}

// paperMapping is [record.fingerprints]: the numbers of the paper that a receivable's own fields do not say.
type paperMapping struct {
	number, carrier, transport, declaration, tax *textTemplate
}

// parsePaper reads the section; nil when there is none.
func parsePaper(message string, in map[string]string) (*paperMapping, error) {
	if in == nil {
		return nil, nil
	}
	if message != "issue_receivable" {
		return nil, errors.New("fingerprints: they stand with issue_receivable only")
	}
	p := &paperMapping{}
	places := map[string]**textTemplate{
		"number": &p.number, "carrier": &p.carrier, "transport_document": &p.transport, "declaration": &p.declaration, "tax_invoice": &p.tax,
	}
	names := []string{"number", "carrier", "transport_document", "declaration", "tax_invoice"}
	for key := range in {
		if places[key] == nil {
			return nil, fmt.Errorf("fingerprints: there is no %q%s", key, didYouMean(key, names))
		}
	}
	for _, name := range names {
		t, err := parseTemplate(in[name])
		if err != nil {
			return nil, fmt.Errorf("fingerprints: %s: %w", name, err)
		}
		*places[name] = t
	}
	if in["number"] == "" {
		return nil, errors.New("fingerprints: they need the paper's number")
	}
	return p, nil
}

func (p *paperMapping) templates() []*textTemplate {
	if p == nil {
		return nil
	}
	return []*textTemplate{p.number, p.carrier, p.transport, p.declaration, p.tax}
}

// fill makes the fingerprints of the row's paper for every epoch. A paper without a number is rejected.
func (p *paperMapping) fill(m *types.IssueReceivable, c *mapContext) error {
	var texts [5]string
	for i, t := range p.templates() {
		var err error
		if texts[i], err = t.text(c); err != nil {
			return err
		}
	}
	if NormaliseNumber(texts[0]) == "" {
		return &Rejection{Reason: "no paper number"}
	}
	paper := &Paper{
		Seller: m.Seller, Debtor: m.Debtor, Type: m.Type, Number: texts[0], IssueDay: m.IssueDay, Currency: m.Currency, AmountMinor: m.AmountMinor,
		Carrier: texts[1], TransportDocument: texts[2], Declaration: texts[3], TaxInvoice: texts[4],
	}
	for _, k := range c.epochs {
		m.Fingerprints = append(m.Fingerprints, paper.Fingerprints(k.Key, k.Epoch))
	}
	return nil
}
