package main

import (
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tradecredit/client"
	"tradecredit/testnet"
	"tradecredit/types"
)

// vatFile is the file of output invoices in the given folder.
const vatFile = "output_invoice.csv.gz"

// The columns of the file.
const (
	vatSeller = "企业代号"
	vatDay    = "开票日期"
	vatBuyer  = "购方单位代号"
	vatTotal  = "价税合计"
	vatState  = "发票状态"
)

// vatInvoices loads valid, positive output invoices as receivables through the importer: issued by the platform under
// each seller's mandate, source id = row number, due 30 days after issue (an assumption, and recorded as one).
func vatInvoices(b *bench) error {
	if b.vat == "" {
		b.note("vat: not run; give the folder with %s: make bench VAT=<folder>", vatFile)
		return nil
	}
	path := filepath.Join(b.vat, vatFile)
	subjects, err := vatSubjects(path)
	if errors.Is(err, fs.ErrNotExist) {
		b.note("vat: not run; %s is not there", path)
		return nil
	}
	if err != nil {
		return err
	}
	r, err := b.newRig("vat", 2)
	if err != nil {
		return err
	}
	defer func() { _ = r.node.Stop() }() // the run's folder goes anyway
	began := time.Now()
	if err := b.vatRegister(r, subjects); err != nil {
		return err
	}
	b.add("vat.subjects", float64(len(subjects)), "subjects", "")
	b.add("vat.register", time.Since(began).Seconds(), "s", "")
	return b.vatLoad(r, path)
}

// openVat reads the file row by row.
func openVat(path string) (iter.Seq2[*client.Row, error], func() error, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	table, err := client.OpenTable(z, client.TableOptions{})
	if err == nil {
		err = table.Need([]string{vatSeller, vatDay, vatBuyer, vatTotal, vatState})
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return table.Rows(), f.Close, nil
}

func vatSubject(code string) string { return "CN:CUMCM2020:" + code }

// vatSubjects lists sellers and buyers of the file.
func vatSubjects(path string) ([]string, error) {
	rows, done, err := openVat(path)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for row, err := range rows {
		if err != nil {
			return nil, errors.Join(err, done())
		}
		seen[row.Get(vatSeller)], seen[row.Get(vatBuyer)] = true, true
	}
	var out []string
	for code := range seen {
		out = append(out, code)
	}
	slices.Sort(out)
	return out, done()
}

func (b *bench) vatRegister(r *rig, subjects []string) error {
	var first, second []*types.Message
	paper := sha256.Sum256([]byte("mandate"))
	until := int32(r.work.Unix/86400) + 300
	for _, code := range subjects {
		first = append(first, types.Wrap("", &types.RegisterEnterprise{
			Subject: vatSubject(code), District: "CN", Size_: types.EnterpriseSize_SMALL, Ownership: types.Ownership_OTHER_OWNERSHIP,
			ControlGroup: "own-" + code,
			Mandate:      &types.Mandate{PaperDigest: paper[:], Delegate: testnet.WorkPlatform, Messages: []string{"issue_receivable"}, UntilDay: until},
		}))
		second = append(second, types.Wrap("", &types.ConfirmEnterprise{Subject: vatSubject(code)}))
	}
	for _, step := range []struct {
		member   string
		role     types.Role
		messages []*types.Message
	}{{testnet.WorkPlatform, types.Role_PLATFORM, first}, {testnet.WorkBank, types.Role_BANK, second}} {
		var txs [][]byte
		for part := range slices.Chunk(step.messages, 100) {
			raw, err := r.work.Sign(step.member, step.role, part)
			if err != nil {
				return err
			}
			txs = append(txs, raw)
		}
		if err := drive(b.ctx, r.at, independent(txs)); err != nil {
			return err
		}
	}
	return nil
}

// vatMessage maps one row; a rejection says why it is no receivable.
func vatMessage(row *client.Row) ([]client.Step, error) {
	if state := row.Get(vatState); state != "有效发票" {
		return nil, client.Reject("void invoice", "%s", state)
	}
	total, ok := new(big.Rat).SetString(row.Get(vatTotal))
	if !ok {
		return nil, client.Reject("no amount", "%q", row.Get(vatTotal))
	}
	if total.Sign() <= 0 {
		return nil, client.Reject("not positive", "%s", row.Get(vatTotal))
	}
	// The source has sums of floating-point numbers: 931679.1100000001 means 931,679.11.
	amount, err := types.ParseAmount(total.FloatString(2), "CNY")
	if err != nil {
		return nil, client.Reject("amount out of range", "%s", row.Get(vatTotal))
	}
	issued, err := time.Parse("2006/1/2", row.Get(vatDay))
	if err != nil {
		return nil, client.Reject("no date", "%q", row.Get(vatDay))
	}
	day := int32(issued.Unix() / 86400)
	seller := vatSubject(row.Get(vatSeller))
	commitment := sha256.Sum256([]byte(fmt.Sprintf("row %d", row.Number)))
	return []client.Step{{Signer: testnet.WorkPlatform, OnBehalfOf: seller, Msg: &types.IssueReceivable{
		Id: fmt.Sprint(row.Number), Seller: seller, Debtor: vatSubject(row.Get(vatBuyer)), Type: "380", Currency: "CNY",
		AmountMinor: amount, IssueDay: day, DueDay: day + 30, Commitment: commitment[:], AssumedTerms: true,
	}}}, nil
}

func (b *bench) vatLoad(r *rig, path string) error {
	before, err := folderSize(r.net.Configs[0].DataDir())
	if err != nil {
		return err
	}
	rows, done, err := openVat(path)
	if err != nil {
		return err
	}
	c, err := client.New(client.Config{Endpoints: []string{"http://" + r.api}, ChainID: r.net.Plan.ChainID})
	if err != nil {
		return err
	}
	im := client.Importer{Client: c, Signers: map[string]*client.Signer{testnet.WorkPlatform: {
		ID: testnet.WorkPlatform, KeyID: testnet.KeyID(types.Role_PLATFORM),
		Key:    r.net.Keys.Get(testnet.WorkPlatform, testnet.KeyID(types.Role_PLATFORM)),
		Origin: types.Origin{SourceSystem: "cumcm-2020-c", Jurisdiction: "CN", CollectedUnix: r.work.Unix, Simulated: true},
	}}}
	began := time.Now()
	summary, err := im.Run(b.ctx, rows, vatMessage)
	if err := errors.Join(err, done()); err != nil {
		return err
	}
	took := time.Since(began)
	after, err := folderSize(r.net.Configs[0].DataDir())
	if err != nil {
		return err
	}
	b.add("vat.recorded", float64(summary.New), "records", "")
	b.add("vat.time", took.Seconds(), "s", "")
	b.add("vat.rate", float64(summary.New)/took.Seconds(), "records/s", "")
	b.add("vat.disk", float64(after-before)/1e6, "MB", "")
	b.add("vat.disk.record", float64(after-before)/float64(summary.New), "bytes", "")
	b.note("vat: %d rows; rejected: %s; refused by the ledger: %s", summary.Rows, reasons(summary.Rejected), reasons(summary.Refused))
	if len(summary.Refused) > 0 || summary.Unknown > 0 {
		return fmt.Errorf("refused: %s; not final in time: %d", reasons(summary.Refused), summary.Unknown)
	}
	return nil
}

func reasons(m map[string]int64) string {
	var out []string
	for reason, n := range m {
		out = append(out, fmt.Sprintf("%d %s", n, reason))
	}
	slices.Sort(out)
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}
