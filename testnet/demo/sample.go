package main

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"

	"tradecredit/types"
)

//go:embed sample
var files embed.FS

// Why a row cannot be recorded.
const (
	noAmount  = "no amount"
	noVendor  = "no vendor"
	valueZero = "value 0"
)

// delivery is an importable line of the deliveries; days are moved by the set's shift.
type delivery struct {
	id        string
	buyer     string // subject
	seller    string
	country   string // ISO 3166-1 alpha-2
	vendor    string
	incoterm  string
	amount    int64 // US cents
	ordered   int32
	promised  int32
	delivered int32
	match     bool // the stated check of the row
	fields    [][2]string
}

// payment is an importable row of the payments; days are moved by the set's shift.
type payment struct {
	check      string
	department string // subject
	payer      string // its name
	vendor     string // subject
	amount     int64  // US cents
	issued     int32
	paid       int32
}

// sample is what the shipped files hold, moved forward to today.
type sample struct {
	deliveries     []delivery
	deliveryShift  int32
	deliveriesLost map[string]int // rows that cannot be recorded, by reason
	payments       []payment
	paymentShift   int32
	paymentsLost   map[string]int
	suppliers      map[string]string // subject → vendor name
	buyers         map[string]string // subject → alpha-2
	departments    map[string]string // subject → department
	vendors        map[string]bool   // vendors of the payments
}

// readSample reads the embedded files and moves each set forward by the most whole weeks that put no date of an
// importable row after today.
func readSample(today int32) (*sample, error) {
	s := &sample{
		deliveriesLost: map[string]int{}, paymentsLost: map[string]int{}, suppliers: map[string]string{},
		buyers: map[string]string{}, departments: map[string]string{}, vendors: map[string]bool{},
	}
	if err := s.readDeliveries(today); err != nil {
		return nil, err
	}
	return s, s.readPayments(today)
}

// shift is the most whole weeks, in days, that keep last on or before today.
func shift(last, today int32) int32 { return (today - last) / 7 * 7 }

func (s *sample) readDeliveries(today int32) error {
	rows, err := readTable("deliveries.csv.gz")
	if err != nil {
		return err
	}
	countries, err := readTable("countries.csv")
	if err != nil {
		return err
	}
	alpha2 := map[string]string{}
	for _, c := range countries {
		alpha2[c["name"]] = c["alpha_2"]
	}
	vendors := map[string]string{}
	for _, name := range sorted(rows, "Vendor") {
		vendors[name] = fmt.Sprintf("XX:SCMSV:%d", len(vendors)+1)
	}
	last := int32(0)
	for i, r := range rows {
		d, recorded, lost, err := readDelivery(r)
		if err != nil {
			return fmt.Errorf("deliveries, line %d: %w", i+2, err)
		}
		if lost != "" {
			s.deliveriesLost[lost]++
			continue
		}
		d.country = alpha2[r["Country"]]
		if d.country == "" {
			return fmt.Errorf("deliveries, line %d: no code for country %q", i+2, r["Country"])
		}
		d.buyer, d.seller = "XX:SCMS:"+d.country, vendors[d.vendor]
		s.buyers[d.buyer], s.suppliers[d.seller] = d.country, d.vendor
		last = max(last, d.ordered, d.promised, d.delivered, recorded)
		s.deliveries = append(s.deliveries, d)
	}
	s.deliveryShift = shift(last, today)
	for i := range s.deliveries {
		d := &s.deliveries[i]
		d.ordered += s.deliveryShift
		d.promised += s.deliveryShift
		d.delivered += s.deliveryShift
	}
	return nil
}

// readDelivery maps one line; lost says why it cannot be recorded.
func readDelivery(r map[string]string) (d delivery, recorded int32, lost string, err error) {
	if strings.TrimSpace(r["Vendor"]) == "" {
		return d, 0, noVendor, nil
	}
	d.id, d.vendor, d.incoterm = r["ID"], r["Vendor"], r["Vendor INCO Term"]
	if d.amount, err = cents(r["Line Item Value"]); err != nil {
		return d, 0, "", err
	}
	if d.amount == 0 {
		return d, 0, valueZero, nil
	}
	if d.promised, err = dayOf(r["Scheduled Delivery Date"]); err != nil {
		return d, 0, "", err
	}
	if d.delivered, err = dayOf(r["Delivered to Client Date"]); err != nil {
		return d, 0, "", err
	}
	if recorded, err = dayOf(r["Delivery Recorded Date"]); err != nil {
		return d, 0, "", err
	}
	if d.ordered, err = dayOf(r["PO Sent to Vendor Date"]); err != nil {
		d.ordered = d.promised // "Date Not Captured", or before a purchase order was sent at all
	}
	match, err := valueMatches(r["Line Item Quantity"], r["Pack Price"], r["Line Item Value"])
	d.match = match && recorded >= d.delivered
	for _, name := range slices.Sorted(maps.Keys(r)) {
		d.fields = append(d.fields, [2]string{name, r[name]})
	}
	return d, recorded, "", err
}

// valueMatches is the check whose verdict is recorded: quantity × pack price equals the value, to half a cent a pack
// (the price is rounded to cents) plus half a dollar.
func valueMatches(quantity, price, value string) (bool, error) {
	var n [3]big.Rat
	for i, s := range []string{quantity, price, value} {
		if _, ok := n[i].SetString(s); !ok {
			return false, fmt.Errorf("%q is no number", s)
		}
	}
	product := new(big.Rat).Mul(&n[0], &n[1])
	diff := product.Sub(product, &n[2])
	diff.Abs(diff)
	tolerance := new(big.Rat).Mul(&n[0], big.NewRat(1, 200))
	return diff.Cmp(tolerance.Add(tolerance, big.NewRat(1, 2))) <= 0, nil
}

func (s *sample) readPayments(today int32) error {
	rows, err := readTable("payments.csv.gz")
	if err != nil {
		return err
	}
	last := int32(0)
	for i, r := range rows {
		p, lost, err := readPayment(r)
		if err != nil {
			return fmt.Errorf("payments, line %d: %w", i+2, err)
		}
		if lost != "" {
			s.paymentsLost[lost]++
			continue
		}
		s.departments[p.department], s.vendors[p.vendor] = p.payer, true
		last = max(last, p.issued, p.paid)
		s.payments = append(s.payments, p)
	}
	s.paymentShift = shift(last, today)
	for i := range s.payments {
		s.payments[i].issued += s.paymentShift
		s.payments[i].paid += s.paymentShift
	}
	return nil
}

func readPayment(r map[string]string) (p payment, lost string, err error) {
	switch {
	case r["Vendor"] == "" || r["Vendor"] == "NA":
		return p, noVendor, nil
	case r["Amount"] == "" || r["Amount"] == "NA":
		return p, noAmount, nil
	}
	p.check, p.payer = r["Check"], r["Department"]
	p.department, p.vendor = "XX:NOLA:"+slug(p.payer), "XX:NOLAV:"+r["Vendor"]
	if p.amount, err = cents(r["Amount"]); err != nil {
		return p, "", err
	}
	if p.amount == 0 {
		return p, valueZero, nil
	}
	if p.issued, err = types.ParseDay(r["Invoice.Date"]); err != nil {
		return p, "", err
	}
	p.paid, err = types.ParseDay(r["Check.Date"])
	return p, "", err
}

// cents reads an exact amount of dollars; the source writes some as 1e+05.
func cents(s string) (int64, error) {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return 0, fmt.Errorf("%q is no amount", s)
	}
	r.Mul(r, big.NewRat(100, 1))
	if !r.IsInt() || r.Sign() < 0 || !r.Num().IsInt64() {
		return 0, fmt.Errorf("%q is no amount in whole cents", s)
	}
	return r.Num().Int64(), nil
}

var notSlug = regexp.MustCompile(`[^a-z0-9]+`)

// slug makes an identifier of a department's name.
func slug(name string) string {
	return strings.Trim(notSlug.ReplaceAllString(strings.ToLower(name), "-"), "-")
}

// dayOf reads the two forms of dates in the deliveries: 2-Jun-06 and 11/13/06.
func dayOf(s string) (int32, error) {
	for _, layout := range []string{"2-Jan-06", "1/2/06"} {
		if t, err := time.Parse(layout, s); err == nil {
			return int32(t.Unix() / 86400), nil
		}
	}
	return 0, fmt.Errorf("%q is no date", s)
}

// sorted returns the distinct values of a column in order.
func sorted(rows []map[string]string, column string) []string {
	var out []string
	for _, r := range rows {
		out = append(out, r[column])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// readTable reads an embedded CSV file, gzip or plain, as one map a row.
func readTable(name string) ([]map[string]string, error) {
	raw, err := files.ReadFile("sample/" + name)
	if err != nil {
		return nil, err
	}
	var in io.Reader = bytes.NewReader(raw)
	if strings.HasSuffix(name, ".gz") {
		if in, err = gzip.NewReader(in); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	all, err := csv.NewReader(in).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var rows []map[string]string
	for _, record := range all[1:] {
		row := make(map[string]string, len(record))
		for i, v := range record {
			row[all[0][i]] = v
		}
		rows = append(rows, row)
	}
	return rows, nil
}
