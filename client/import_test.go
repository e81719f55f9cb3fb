package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"tradecredit/types"
)

// invoiceMapping is that of the VAT invoices, with Chinese columns.
const invoiceMapping = `
[origin]
source_system = "vat"
jurisdiction = "CN"

[[skip]]
column = "发票状态"
not_in = ["有效发票"]
reason = "void invoice"

[[skip]]
column = "价税合计"
matches = "^-"
reason = "red-letter invoice"

[[record]]
message = "issue_receivable"
on_behalf_of = "CN:CUMCM2020:{企业代号}"
[record.fields]
id = "{#}"
seller = "CN:CUMCM2020:{企业代号}"
debtor = "CN:CUMCM2020:{购方单位代号}"
type = "380"
currency = "CNY"
amount_minor = { amount = "{价税合计}", currency = "CNY" }
issue_day = { day = "{开票日期}" }
due_day = { day = "{开票日期}", plus = 30 }
assumed_terms = true
commitment = { commit = ["发票号码", "金额", "税额"], record = "{#}" }
`

const invoiceHeader = "企业代号,发票号码,开票日期,购方单位代号,金额,税额,价税合计,发票状态\n"

// importText imports a text by a mapping and returns everything there is to know.
func importText(t *testing.T, n *fakeNode, c *Client, mapping string, content []byte) (*Summary, [][]string, error) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "in.csv")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return importPath(t, c, mapping, path)
}

func importPath(t *testing.T, c *Client, mapping, path string) (*Summary, [][]string, error) {
	t.Helper()
	f := fileImport(t, c, mapping, path)
	s, _, err := f.Run(context.Background())
	if err != nil {
		return s, nil, err
	}
	return s, readResults(t, f.Results), nil
}

func fileImport(t *testing.T, c *Client, mapping, path string) *FileImport {
	t.Helper()
	m, err := ParseMapping([]byte(mapping))
	require.NoError(t, err)
	signers := map[string]*Signer{}
	for _, name := range m.Signers() {
		signers[name] = testSigner("platform-1")
		if name != "" {
			signers[name] = testSigner(name)
		}
		signers[name].Origin = m.OriginAt(testStart)
	}
	return &FileImport{Importer: Importer{Client: c, Signers: signers}, Path: path, Mapping: m, MapText: []byte(mapping), SaltKey: filled(7), Results: path + ".results.csv"}
}

func readResults(t *testing.T, path string) [][]string {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(readTestFile(t, path))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, "pass", rows[0][0])
	return rows[1:]
}

func invoices(n int) string {
	var b strings.Builder
	b.WriteString(invoiceHeader)
	for i := range n {
		fmt.Fprintf(&b, "E124,%d,2017/9/1,D%05d,839350.55,92328.56,931679.11, 有效发票\n", 15212483+i, i)
	}
	return b.String()
}

func TestImportNewThenAlready(t *testing.T) {
	n := newFakeNode(memberChain(1))
	c, _ := n.serve(t)
	s, results, err := importText(t, n, c, invoiceMapping, []byte(invoices(250)))
	require.NoError(t, err)
	require.Equal(t, int64(250), s.New)
	require.Zero(t, s.NotRecorded())
	require.Len(t, results, 250)
	require.Equal(t, []string{"1", "1", "2", "new"}, results[0][:4])
	require.Equal(t, []string{"1", "250", "251", "new"}, results[249][:4])
	require.Equal(t, 250, n.total)

	// The same file again in the same second, from another folder: 0 new, though every transaction is the same to the byte.
	s, results, err = importText(t, n, c, invoiceMapping, []byte(invoices(250)))
	require.NoError(t, err)
	require.Zero(t, s.New)
	require.Equal(t, int64(250), s.Already)
	require.Equal(t, "already", results[0][3])

	// A month later, when references are forgotten, and packed otherwise: 0 new.
	n.references = map[string]*types.Reference{}
	n.now = n.now.Add(30 * 24 * time.Hour)
	path := filepath.Join(t.TempDir(), "in.csv")
	require.NoError(t, os.WriteFile(path, []byte(invoices(300)), 0o600))
	f := fileImport(t, c, invoiceMapping, path)
	f.Importer.Submitter.MessagesPerTx = 7
	s, _, err = f.Run(context.Background())
	require.NoError(t, err)
	require.Equal(t, int64(50), s.New, "those that are new in the longer file")
	require.Equal(t, int64(250), s.Already)
	require.Equal(t, 300, n.total)

	// Another amount under the same number is refused, and said.
	s, results, err = importText(t, n, c, invoiceMapping, []byte(strings.Replace(invoices(2), "931679.11", "931679.12", 1)))
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"id_taken": 1}, s.Refused)
	require.Equal(t, []string{"refused", "id_taken"}, results[0][3:5])
}

func TestImportEncodings(t *testing.T) {
	text := invoices(40)
	gb, err := simplifiedchinese.GB18030.NewEncoder().String(text)
	require.NoError(t, err)
	late := invoiceHeader[:0] + strings.ReplaceAll(invoices(3), "有效发票", "ok") // header is Chinese in UTF-8
	require.NotEmpty(t, late)
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(text)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		content, mapping string
		want             error
	}{
		"UTF-8":             {text, invoiceMapping, nil},
		"byte order mark":   {"\ufeff" + text, invoiceMapping, nil},
		"CRLF":              {strings.ReplaceAll(text, "\n", "\r\n"), invoiceMapping, nil},
		"GB18030":           {gb, invoiceMapping, nil},
		"GB18030, declared": {gb, "encoding = \"gb18030\"\n" + invoiceMapping, nil},
		"UTF-16":            {utf16, invoiceMapping, ErrTableEncoding},
		"GB18030 as UTF-8":  {gb, "encoding = \"utf-8\"\n" + invoiceMapping, ErrColumnMissing},
		"UTF-8 as GB18030":  {text, "encoding = \"gb18030\"\n" + invoiceMapping, ErrColumnMissing},
		"empty":             {"", invoiceMapping, ErrTableEmpty},
		"only a mark":       {"\ufeff", invoiceMapping, ErrTableEmpty},
	} {
		t.Run(name, func(t *testing.T) {
			n := newFakeNode(memberChain(1))
			cl, _ := n.serve(t)
			s, _, err := importText(t, n, cl, c.mapping, []byte(c.content))
			require.ErrorIs(t, err, c.want)
			if c.want == nil {
				require.Equal(t, int64(40), s.New)
				require.Equal(t, 40, n.total)
			}
		})
	}
	// The characters that tell GB18030 may come late in a file.
	late = "Name,State\n" + strings.Repeat("abc,ok\n", 200_000)
	tail, err := simplifiedchinese.GB18030.NewEncoder().String("杭州,ok\n")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "late.csv")
	require.NoError(t, os.WriteFile(path, []byte(late+tail), 0o600))
	facts, err := inspect(path, "")
	require.NoError(t, err)
	require.Equal(t, EncodingGB18030, facts.encoding)
	require.NoError(t, os.WriteFile(path, []byte(late+"杭州,ok\n"), 0o600))
	facts, err = inspect(path, "auto")
	require.NoError(t, err)
	require.Equal(t, EncodingUTF8, facts.encoding)
}

// One bad row is rejected with its reason; the others are recorded.
func TestImportBadRows(t *testing.T) {
	good := "E124,1,2017/9/1,D00585,839350.55,92328.56,931679.11,有效发票\n"
	for name, c := range map[string]struct{ row, reason string }{
		"void":                {"E124,1,2017/9/1,D00585,1,1,2,作废发票\n", "void invoice"},
		"red letter":          {"E124,1,2017/9/1,D00585,-1,-1,-2,有效发票\n", "red-letter invoice"},
		"no amount":           {"E124,1,2017/9/1,D00585,1,1,,有效发票\n", ReasonAmount},
		"amount is text":      {"E124,1,2017/9/1,D00585,1,1,NA,有效发票\n", ReasonAmount},
		"amount with comma":   {"E124,1,2017/9/1,D00585,1,1,\"1,000.00\",有效发票\n", ReasonAmount},
		"third decimal":       {"E124,1,2017/9/1,D00585,1,1,1.005,有效发票\n", ReasonAmount},
		"zero":                {"E124,1,2017/9/1,D00585,1,1,0.00,有效发票\n", "amount_not_positive"},
		"too large":           {"E124,1,2017/9/1,D00585,1,1,99999999999999.00,有效发票\n", "amount_too_large"},
		"day":                 {"E124,1,2017/13/1,D00585,1,1,2,有效发票\n", ReasonDay},
		"no day":              {"E124,1,,D00585,1,1,2,有效发票\n", ReasonDay},
		"field too few":       {"E124,1,2017/9/1,D00585,1,1,2\n", ReasonFieldCount},
		"field too many":      {"E124,1,2017/9/1,D00585,1,1,2,有效发票,x\n", ReasonFieldCount},
		"quote in a field":    {"E1\"24,1,2017/9/1,D00585,1,1,2,有效发票\n", ReasonUnreadable},
		"not in the encoding": {"E124\xc4,1,2017/9/1,D00585,1,1,2,有效发票\n", ReasonEncoding},
	} {
		t.Run(name, func(t *testing.T) {
			n := newFakeNode(memberChain(1))
			cl, _ := n.serve(t)
			mapping := invoiceMapping
			if name == "not in the encoding" {
				mapping = "encoding = \"utf-8\"\n" + mapping
			}
			s, results, err := importText(t, n, cl, mapping, []byte(invoiceHeader+good+c.row+good))
			require.NoError(t, err)
			require.Equal(t, int64(3), s.Rows)
			require.Equal(t, map[string]int64{c.reason: 1}, s.Rejected)
			require.Equal(t, int64(2), s.New)
			require.Equal(t, []string{"2", "3", "rejected", c.reason}, results[1][1:5])
		})
	}
}

// Half a last line is never taken for a whole one.
func TestImportHalfALastLine(t *testing.T) {
	whole := invoices(3)
	for name, cut := range map[string]string{
		"fields missing":  whole[:len(whole)-len(", 有效发票\n")],
		"inside a number": whole[:len(whole)-len("11, 有效发票\n")],
		"in the state":    strings.TrimSuffix(whole, "\n"),
		"in a quotation":  strings.TrimSuffix(whole, ", 有效发票\n") + ",\"有效",
	} {
		t.Run(name, func(t *testing.T) {
			n := newFakeNode(memberChain(1))
			c, _ := n.serve(t)
			s, results, err := importText(t, n, c, invoiceMapping, []byte(cut))
			require.NoError(t, err)
			require.Equal(t, map[string]int64{ReasonLastLineCut: 1}, s.Rejected)
			require.Equal(t, int64(2), s.New)
			require.Equal(t, []string{"3", "4", "rejected", ReasonLastLineCut}, results[2][1:5])
		})
	}
	// Who knows that the line is whole can say so.
	n := newFakeNode(memberChain(1))
	c, _ := n.serve(t)
	s, _, err := importText(t, n, c, "last_line = \"accept\"\n"+invoiceMapping, []byte(strings.TrimSuffix(whole, "\n")))
	require.NoError(t, err)
	require.Equal(t, int64(3), s.New)
}

func TestImportBadTables(t *testing.T) {
	n := newFakeNode(memberChain(1))
	c, _ := n.serve(t)
	_, _, err := importText(t, n, c, invoiceMapping, []byte(strings.Replace(invoices(3), "价税合计", "税价合计", 1)))
	require.ErrorIs(t, err, ErrColumnMissing)
	require.ErrorContains(t, err, `"价税合计"`)
	_, _, err = importText(t, n, c, invoiceMapping, []byte(strings.Replace(invoices(3), "税额", "金额", 1)))
	require.ErrorIs(t, err, ErrColumnTwice)
	_, _, err = importText(t, n, c, invoiceMapping, []byte(invoices(3)+"E1,\"never closed\n"+strings.Repeat("x,y\n", 500_000)))
	require.ErrorIs(t, err, ErrRowTooLong)
	require.Equal(t, 3, n.total, "the rows before it were recorded")
	_, _, err = importPath(t, c, invoiceMapping, filepath.Join(t.TempDir(), "none.csv"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestImportUnknownCurrency(t *testing.T) {
	const mapping = `
[origin]
source_system = "erp"
jurisdiction = "US"
[[record]]
message = "issue_receivable"
fields = { id = "{No}", type = "380", currency = "{Cur}", amount_minor = { amount = "{Amount}", currency = "{Cur}", grouping = "," } }
`
	n := newFakeNode(memberChain(1))
	c, _ := n.serve(t)
	s, results, err := importText(t, n, c, mapping, []byte("No,Cur,Amount\na,USD,\"1,234.50\"\nb,XYZ,1\nc,JPY,1234\nd,JPY,1234.5\ne,KWD,1.234\n"))
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"currency_unknown": 1, ReasonAmount: 1}, s.Rejected)
	require.Equal(t, int64(3), s.New)
	require.Equal(t, "currency_unknown", results[1][4])
}

// A million rows stream through: memory stays flat, every row gets its result, the server counts each once.
func TestImportMillionRows(t *testing.T) {
	const rows = 1_000_000
	var received atomic.Int64
	n := newFakeNode(memberChain(1))
	n.before = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.Method != http.MethodPost {
			return false
		}
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		resp := &types.SubmitResponse{}
		for len(body) > 0 {
			size := binary.BigEndian.Uint32(body)
			var signed types.SignedTx
			var b types.Body
			require.NoError(t, signed.Unmarshal(body[4:4+size]))
			require.NoError(t, b.Unmarshal(signed.Body))
			received.Add(int64(len(b.Messages)))
			resp.Results = append(resp.Results, &types.SubmitResult{Status: types.SubmitStatus_FINAL, Height: 100, Codes: make([]uint32, len(b.Messages))})
			body = body[4+size:]
		}
		reply(w, resp)
		return true
	}
	c, _ := n.serve(t)
	pr, pw := io.Pipe()
	go func() {
		_, err := io.WriteString(pw, "No,Amount\n")
		line := make([]byte, 0, 64)
		for i := 0; i < rows && err == nil; i++ {
			line = fmt.Appendf(line[:0], "%d,%d.50\n", i, i%5000+1)
			_, err = pw.Write(line)
		}
		pw.CloseWithError(err)
	}()
	table, err := OpenTable(pr, TableOptions{})
	require.NoError(t, err)
	next := int64(1)
	im := Importer{Client: c, Signers: map[string]*Signer{"": testSigner("platform-1")}, Submitter: SubmitterConfig{MessagesPerTx: 256},
		OnResult: func(r RowResult) error {
			if r.Number != next || r.Status != RowNew {
				return fmt.Errorf("row %d: %+v", next, r)
			}
			next++
			return nil
		}}
	s, err := im.Run(context.Background(), table.Rows(), func(row *Row) ([]Step, error) {
		minor, err := types.ParseAmount(row.Get("Amount"), "CNY")
		return []Step{{Msg: receivable(row.Get("No"), minor)}}, err
	})
	require.NoError(t, err)
	require.Equal(t, int64(rows), s.New)
	require.Equal(t, int64(rows), received.Load())
	require.Equal(t, int64(rows)+1, next)
}

// An interrupted import goes on where it stopped, with one result a row.
func TestImportResumes(t *testing.T) {
	n := newFakeNode(memberChain(1))
	c, _ := n.serve(t)
	path := filepath.Join(t.TempDir(), "in.csv")
	require.NoError(t, os.WriteFile(path, []byte(invoices(3000)), 0o600))
	f := fileImport(t, c, invoiceMapping, path)
	f.Importer.Window = 200
	stop := errors.New("power cut")
	f.Importer.OnResult = func(r RowResult) error {
		if r.Number == 1234 {
			return stop
		}
		return nil
	}
	_, _, err := f.Run(context.Background())
	require.ErrorIs(t, err, stop)
	require.FileExists(t, f.Results+".resume")

	// What a crash left half-written after the saved point is dropped.
	out, err := os.OpenFile(f.Results, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = out.WriteString("1,9999,half a li")
	require.NoError(t, err)
	require.NoError(t, out.Close())

	again := fileImport(t, c, invoiceMapping, path)
	s, resumed, err := again.Run(context.Background())
	require.NoError(t, err)
	require.Greater(t, resumed, int64(1200))
	require.Less(t, resumed, int64(1300))
	require.Equal(t, int64(3000), s.Rows)
	require.Equal(t, int64(3000), s.New+s.Already)
	require.NoFileExists(t, f.Results+".resume")
	results := readResults(t, f.Results)
	require.Len(t, results, 3000)
	for i, r := range results {
		require.Equal(t, fmt.Sprint(i+1), r[1])
	}
	require.Equal(t, 3000, n.total)
}

// A point to go on from belongs to one file, one mapping and one network.
func TestImportRefusesForeignResume(t *testing.T) {
	n := newFakeNode(memberChain(1))
	c, _ := n.serve(t)
	path := filepath.Join(t.TempDir(), "in.csv")
	require.NoError(t, os.WriteFile(path, []byte(invoices(300)), 0o600))
	f := fileImport(t, c, invoiceMapping, path)
	f.Importer.OnResult = func(r RowResult) error { return fmt.Errorf("stop") }
	_, _, err := f.Run(context.Background())
	require.ErrorContains(t, err, "stop")
	other := fileImport(t, c, invoiceMapping+"# another\n", path)
	_, _, err = other.Run(context.Background())
	require.ErrorIs(t, err, ErrResume)
	require.NoError(t, os.WriteFile(path, []byte(invoices(301)), 0o600))
	_, _, err = fileImport(t, c, invoiceMapping, path).Run(context.Background())
	require.ErrorIs(t, err, ErrResume)
	require.NoError(t, os.WriteFile(f.Results+".resume", []byte("{}"), 0o600))
	_, _, err = fileImport(t, c, invoiceMapping, path).Run(context.Background())
	require.ErrorIs(t, err, ErrResume)
	require.NoError(t, os.Remove(f.Results+".resume"))
	s, _, err := fileImport(t, c, invoiceMapping, path).Run(context.Background())
	require.NoError(t, err)
	require.Equal(t, int64(301), s.New+s.Already)
}

// A row whose fate is not known is sent again by the next run, and none after it is forgotten.
func TestImportSendsUnknownAgain(t *testing.T) {
	n := newFakeNode(memberChain(1))
	lost := true
	n.submit = func(tx *types.Tx, _ int) *types.SubmitResult {
		for _, m := range tx.Body.Messages {
			if lost && m.GetIssueReceivable().Id == "150" {
				return &types.SubmitResult{Status: types.SubmitStatus_ADMITTED}
			}
		}
		return nil
	}
	c, _ := n.serve(t)
	path := filepath.Join(t.TempDir(), "in.csv")
	require.NoError(t, os.WriteFile(path, []byte(invoices(300)), 0o600))
	f := fileImport(t, c, invoiceMapping, path)
	f.Importer.Submitter = SubmitterConfig{MessagesPerTx: 10, TxsPerRequest: 1, Submit: SubmitOptions{RetryFor: 100 * time.Millisecond}}
	s, _, err := f.Run(context.Background())
	require.NoError(t, err)
	require.Equal(t, int64(10), s.Unknown)
	require.Equal(t, int64(290), s.New)
	require.FileExists(t, f.Results+".resume")
	lost = false
	s, resumed, err := fileImport(t, c, invoiceMapping, path).Run(context.Background())
	require.NoError(t, err)
	require.Equal(t, int64(140), resumed)
	require.Equal(t, int64(300), s.New+s.Already)
	require.Zero(t, s.Unknown)
	require.NoFileExists(t, f.Results+".resume")
}

func TestImportDryRun(t *testing.T) {
	n := newFakeNode(memberChain(1))
	c, _ := n.serve(t)
	path := filepath.Join(t.TempDir(), "in.csv")
	require.NoError(t, os.WriteFile(path, []byte(invoices(30)+"E1,2\n"), 0o600))
	f := fileImport(t, c, invoiceMapping, path)
	f.Importer.DryRun = true
	var last, total int64
	f.Progress = func(d, t int64) { last, total = d, t }
	s, _, err := f.Run(context.Background())
	require.NoError(t, err)
	require.Equal(t, int64(30), s.Checked)
	require.Equal(t, int64(1), s.Rejected[ReasonFieldCount])
	require.Zero(t, n.requests)
	require.NoFileExists(t, f.Results+".resume")
	require.Positive(t, total)
	require.Equal(t, total, last)
}

// stepsMapping has two passes, two signers, a message that is sent once, and dependants.
const stepsMapping = `
[origin]
source_system = "erp"
jurisdiction = "US"
shift_days = 7
simulated = true

[[record]]
message = "register_enterprise"
signer = "platform-1"
once = true
fields = { subject = "XX:V:{Vendor|id}", district = "US", size = "SMALL", ownership = "PRIVATE", control_group = "g-{Vendor|id}" }

[[record]]
pass = 2
message = "record_order"
signer = "platform-1"
fields = { id = "{No}", kind = "GOODS", buyer = "XX:B:1", seller = "XX:V:{Vendor|id}", order_day = { day = "{Day}", formats = ["2-Jan-06"] }, promised_day = "2026-01-01", currency = "USD", amount_minor = { amount = "{Amount}", currency = "USD" }, terms_digest = { sha256 = "terms of {No}" }, incoterm = { map = "{Terms}", to = { "ex works" = "EXW" }, otherwise = "" } }

[[record]]
pass = 2
message = "record_logistics_event"
signer = "carrier-1"
when = { column = "Arrived", not_in = [""] }
fields = { id = "{No}", order = "platform-1/{No}", event = "DELIVERED", day = "{Arrived}", place = "US" }
`

func TestImportPassesSignersAndOnce(t *testing.T) {
	n := newFakeNode(memberChain(1))
	n.rule = func(tx *types.Tx, m *types.Message) types.Code { // dependants come after what they depend on
		if o := m.GetRecordOrder(); o != nil && n.recorded["register_enterprise/platform-1/"+o.Seller] == nil {
			return types.Code_enterprise_unknown
		}
		if e := m.GetRecordLogisticsEvent(); e != nil && n.recorded["record_order/"+e.Order] == nil {
			return types.Code_order_unknown
		}
		return types.Code_ok
	}
	c, _ := n.serve(t)
	content := "No,Vendor,Day,Arrived,Amount,Terms\n"
	for i := range 500 {
		arrived := "2006-06-02"
		if i%5 == 0 {
			arrived = ""
		}
		content += fmt.Sprintf("%d,Vendor %d,2-Jun-06,%s,%d.00,ex works\n", i, i%7, arrived, i+1)
	}
	s, results, err := importText(t, n, c, stepsMapping, []byte(content))
	require.NoError(t, err)
	require.Zero(t, s.NotRecorded())
	require.Equal(t, int64(507), s.New)
	require.Equal(t, int64(493), s.Nothing, "subjects that were registered before in the file")
	require.Equal(t, 7+500+400, n.total)
	require.Len(t, results, 1000)
	require.Equal(t, "2", results[999][0])

	// A refusal stops a row's later steps.
	n.rule = func(_ *types.Tx, m *types.Message) types.Code {
		if m.GetRecordOrder() != nil {
			return types.Code_parties_related
		}
		return types.Code_ok
	}
	s, results, err = importText(t, n, c, stepsMapping, []byte("No,Vendor,Day,Arrived,Amount,Terms\nx1,Vendor 1,2-Jun-06,2006-06-02,1.00,FOB\n"))
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"parties_related": 1}, s.Refused)
	require.Contains(t, results[1][5], "record_order")
	require.Equal(t, 907, n.total)
}

// What the mapping makes of a row, field by field.
func TestMappingValues(t *testing.T) {
	m, err := ParseMapping([]byte(stepsMapping))
	require.NoError(t, err)
	require.Equal(t, 2, m.Passes())
	require.Equal(t, []string{"carrier-1", "platform-1"}, m.Signers())
	require.Equal(t, []string{"Vendor", "Amount", "No", "Terms", "Day", "Arrived"}, reorder(m.Columns()))
	require.False(t, m.NeedsSalt())
	ids := map[string]string{"platform-1": "platform-1", "carrier-1": "carrier-1"}
	mapper, err := m.Mapper(2, ids, nil)
	require.NoError(t, err)
	row := NewRow(3, []string{"No", "Vendor", "Day", "Arrived", "Amount", "Terms"}, []string{"7", "A & B", "2-Jun-06", " 2006-06-02 ", "12.30", "ex works"})
	steps, err := mapper(row)
	require.NoError(t, err)
	require.Len(t, steps, 2)
	order := steps[0].Msg.(*types.RecordOrder)
	terms := sha256.Sum256([]byte("terms of 7"))
	constant, err := types.ParseDay("2026-01-01")
	require.NoError(t, err)
	moved, err := types.ParseDay("2006-06-09")
	require.NoError(t, err)
	require.Equal(t, &types.RecordOrder{Id: "7", Kind: types.OrderKind_GOODS, Buyer: "XX:B:1", Seller: "XX:V:A---B", OrderDay: moved, PromisedDay: constant,
		Currency: "USD", AmountMinor: 1230, TermsDigest: terms[:], Incoterm: "EXW"}, order)
	require.Equal(t, moved, steps[1].Msg.(*types.RecordLogisticsEvent).Day)
	require.Equal(t, "carrier-1", steps[1].Signer)

	salted, err := ParseMapping([]byte(invoiceMapping))
	require.NoError(t, err)
	require.True(t, salted.NeedsSalt())
	_, err = salted.Mapper(1, map[string]string{"": "platform-1"}, nil)
	require.ErrorIs(t, err, ErrMapping)
	_, err = m.Mapper(1, map[string]string{"platform-1": "platform-1"}, nil)
	require.ErrorContains(t, err, `no signer "carrier-1"`)
	mapper, err = salted.Mapper(1, map[string]string{"": "platform-1"}, filled(7))
	require.NoError(t, err)
	columns := strings.Split(strings.TrimSpace(invoiceHeader), ",")
	steps, err = mapper(NewRow(42, columns, strings.Split("E124,1,2017/9/1,D1,2,3,5,有效发票", ",")))
	require.NoError(t, err)
	r := steps[0].Msg.(*types.IssueReceivable)
	require.Equal(t, Commit(filled(7), "platform-1/42", [][2]string{{"税额", "3"}, {"金额", "2"}, {"发票号码", "1"}}).Root(), r.Commitment)
	require.Equal(t, r.IssueDay+30, r.DueDay)
	require.True(t, r.AssumedTerms)
	require.Equal(t, "CN:CUMCM2020:E124", steps[0].OnBehalfOf)
}

// TestMappingFingerprints: one set for every epoch whose key is there, made of the fields and of the numbers in the row.
func TestMappingFingerprints(t *testing.T) {
	text := strings.Replace(invoiceMapping, "[record.fields]", "[record.fingerprints]\nnumber = \"{发票号码}\"\ntax_invoice = \"T-{发票号码}\"\n[record.fields]", 1)
	require.NotEqual(t, invoiceMapping, text)
	m, err := ParseMapping([]byte(text))
	require.NoError(t, err)
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		_, err := NewSaltKey(filepath.Join(dir, name))
		require.NoError(t, err)
	}
	m.EpochKeys, err = ParseEpochKeys([]string{"4=" + filepath.Join(dir, "b"), "3=" + filepath.Join(dir, "a")})
	require.NoError(t, err)
	mapper, err := m.Mapper(1, map[string]string{"": "platform-1"}, filled(7))
	require.NoError(t, err)
	columns := strings.Split(strings.TrimSpace(invoiceHeader), ",")
	steps, err := mapper(NewRow(42, columns, strings.Split("E124,1,2017/9/1,D1,2,3,5,有效发票", ",")))
	require.NoError(t, err)
	r := steps[0].Msg.(*types.IssueReceivable)
	paper := &Paper{Seller: r.Seller, Debtor: r.Debtor, Type: r.Type, Number: "1", IssueDay: r.IssueDay, Currency: r.Currency, AmountMinor: r.AmountMinor, TaxInvoice: "T1"}
	require.Equal(t, []*types.Fingerprints{
		paper.Fingerprints(m.EpochKeys[0].Key, 3), paper.Fingerprints(m.EpochKeys[1].Key, 4),
	}, r.Fingerprints)
	_, err = mapper(NewRow(43, columns, strings.Split("E124,-,2017/9/1,D1,2,3,5,有效发票", ",")))
	var rejected *Rejection
	require.ErrorAs(t, err, &rejected)
	require.Equal(t, "no paper number", rejected.Reason)

	for in, want := range map[string]string{
		"number = \"{Z\"": "never closed", "numbre = \"1\"": `did you mean "number"?`, "tax_invoice = \"1\"": "need the paper's number",
	} {
		_, err := ParseMapping([]byte(strings.Replace(invoiceMapping, "[record.fields]", "[record.fingerprints]\n"+in+"\n[record.fields]", 1)))
		require.ErrorContains(t, err, want)
	}
	_, err = ParseMapping([]byte("[origin]\nsource_system = \"s\"\njurisdiction = \"CN\"\n[[record]]\nmessage = \"record_order\"\n[record.fingerprints]\nnumber = \"1\"\n"))
	require.ErrorContains(t, err, "issue_receivable only")
	for _, bad := range [][]string{{"x"}, {"0=" + filepath.Join(dir, "a")}, {"1=" + filepath.Join(dir, "none")}, {"1=" + filepath.Join(dir, "a"), "1=" + filepath.Join(dir, "b")}} {
		_, err := ParseEpochKeys(bad)
		require.Error(t, err, bad)
	}
}

// reorder puts the columns of stepsMapping into a fixed order: fields are read in the order of their names.
func reorder(columns []string) []string {
	var out []string
	for _, want := range []string{"Vendor", "Amount", "No", "Terms", "Day", "Arrived"} {
		for _, c := range columns {
			if c == want {
				out = append(out, c)
			}
		}
	}
	return out
}

func TestDayFormats(t *testing.T) {
	want, err := types.ParseDay("2017-09-01")
	require.NoError(t, err)
	for _, text := range []string{"2017-09-01", "2017/9/1", "2017/09/01", "2017-9-1", "20170901", "1-Sep-17", "01-Sep-2017", "2017年9月1日"} {
		m, err := ParseMapping([]byte("[origin]\nsource_system=\"s\"\njurisdiction=\"CN\"\n[[record]]\nmessage=\"accept_delivery\"\nfields={order=\"a/{D}\",day=\"{D}\"}\n"))
		require.NoError(t, err)
		mapper, err := m.Mapper(1, map[string]string{"": "x"}, nil)
		require.NoError(t, err)
		steps, err := mapper(NewRow(1, []string{"D"}, []string{text}))
		require.NoError(t, err, text)
		require.Equal(t, want, steps[0].Msg.(*types.AcceptDelivery).Day, text)
		_, err = mapper(NewRow(1, []string{"D"}, []string{"9/1/2017"}))
		var rejected *Rejection
		require.ErrorAs(t, err, &rejected)
		require.Equal(t, ReasonDay, rejected.Reason)
	}
}

// Mistakes in a mapping are named, with a proposal, before the first row.
func TestMappingMistakes(t *testing.T) {
	const head = "[origin]\nsource_system = \"s\"\njurisdiction = \"CN\"\n"
	record := func(fields string) string {
		return head + "[[record]]\nmessage = \"issue_receivable\"\nfields = { " + fields + " }\n"
	}
	for text, want := range map[string]string{
		"":             "there is no [[record]]",
		"records = 1":  `unknown key "records"; did you mean "record"?`,
		head + "x = [": "line 4",
		head + "[[record]]\nmessage = \"issue_receivabel\"":             `did you mean "issue_receivable"?`,
		head + "[[record]]\nmessage = \"issue_receivable\"\nfelds = {}": `did you mean "fields"?`,
		record(`amount = "1"`):                                                                                           `there is no field "amount"; did you mean "amount_minor"?`,
		record(`id = "{No"`):                                                                                             "never closed",
		record(`id = "{}"`):                                                                                              "no column in the braces",
		record(`id = "{No|uper}"`):                                                                                       `did you mean "upper"?`,
		record(`amount_minor = "x"`):                                                                                     "no whole number",
		record(`amount_minor = { amount = "{A}" }`):                                                                      "needs a currency",
		record(`amount_minor = { amont = "{A}", currency = "CNY" }`):                                                     `did you mean "amount"?`,
		record(`amount_minor = { amount = "{A}", currency = "CNY", plus = 1 }`):                                          `unknown key "plus"`,
		record(`amount_minor = { amount = 1, currency = "CNY" }`):                                                        "amount: string is wanted",
		record(`issue_day = { day = "{D}", formats = ["06"] }`):                                                          "does not say year, month and day",
		record(`issue_day = { day = "{D}", formats = "2006" }`):                                                          "formats",
		record(`id = { day = "{D}" }`):                                                                                   "it is no day",
		record(`id = { amount = "{D}", currency = "CNY" }`):                                                              "it is no amount",
		record(`id = { commit = ["A"], record = "{D}" }`):                                                                "it is no commitment",
		record(`commitment = { commit = [], record = "{D}" }`):                                                           "different columns",
		record(`commitment = { commit = ["A", "A"], record = "{D}" }`):                                                   "different columns",
		record(`commitment = { commit = ["A"], record = "x" }`):                                                          "needs record",
		record(`commitment = "zz"`):                                                                                      "not hexadecimal",
		record(`related = "maybe"`):                                                                                      "neither true nor false",
		record(`issue_day = "31 December"`):                                                                              "no day",
		record(`id = 1.5`):                                                                                               "text in quotes",
		head + "[[record]]\nmessage = \"record_order\"\nfields = { kind = \"GODS\" }":                                    `did you mean "GOODS"?`,
		head + "[[record]]\nmessage = \"record_settlement\"\nfields = { allocations = \"x\" }":                           "a list [ ] is wanted",
		head + "[[record]]\nmessage = \"vote\"\npass = 17":                                                               "passes are 1 to 16",
		head + "[[record]]\nmessage = \"vote\"\nwhen = { column = \"A\" }":                                               "one of is, not_in and matches",
		head + "[[skip]]\ncolumn = \"A\"\nis = [\"x\"]\n[[record]]\nmessage = \"vote\"":                                  "it needs a reason",
		head + "[[skip]]\ncolumn = \"A\"\nmatches = \"(\"\nreason = \"r\"\n[[record]]\nmessage = \"vote\"":               "matches",
		"encoding = \"latin1\"\n" + head + "[[record]]\nmessage = \"vote\"":                                              "not supported",
		"delimiter = \";;\"\n" + head + "[[record]]\nmessage = \"vote\"":                                                 "not one character",
		"last_line = \"x\"\n" + head + "[[record]]\nmessage = \"vote\"":                                                  "reject or accept",
		"[[record]]\nmessage = \"vote\"":                                                                                 "source_system",
		strings.Replace(head, "CN", "CN\"\nshift_days = 7\nsimulated = false #\"", 1) + "[[record]]\nmessage = \"vote\"": "must be marked simulated",
	} {
		_, err := ParseMapping([]byte(text))
		require.ErrorIs(t, err, ErrMapping, text)
		require.ErrorContains(t, err, want, text)
	}
}

// A program may bring its own rows and its own mapping.
func TestImporterWithOwnRows(t *testing.T) {
	n := newFakeNode(memberChain(1))
	c, _ := n.serve(t)
	rows := func(yield func(*Row, error) bool) {
		for i := range int64(10) {
			if !yield(NewRow(i+1, []string{"n"}, []string{fmt.Sprint(i)}), nil) {
				return
			}
		}
	}
	im := Importer{Client: c, Signers: map[string]*Signer{"p": testSigner("platform-1")}}
	s, err := im.Run(context.Background(), rows, func(r *Row) ([]Step, error) {
		switch r.Get("n") {
		case "3":
			return nil, Reject("three", "no threes")
		case "4":
			return nil, nil
		}
		return []Step{{Signer: "p", Msg: receivable(r.Get("n"), 5)}}, nil
	})
	require.NoError(t, err)
	require.Equal(t, int64(8), s.New)
	require.Equal(t, int64(1), s.Nothing)
	require.Equal(t, map[string]int64{"three": 1}, s.Rejected)

	broken := errors.New("no more")
	_, err = im.Run(context.Background(), iter.Seq2[*Row, error](func(yield func(*Row, error) bool) { yield(nil, broken) }), nil)
	require.ErrorIs(t, err, broken)
	_, err = im.Run(context.Background(), rows, func(*Row) ([]Step, error) { return []Step{{Signer: "q", Msg: receivable("1", 1)}}, nil })
	require.ErrorContains(t, err, `no signer "q"`)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = im.Run(ctx, rows, func(r *Row) ([]Step, error) { return []Step{{Signer: "p", Msg: receivable(r.Get("n"), 5)}}, nil })
	require.ErrorIs(t, err, context.Canceled)
}

func FuzzTable(f *testing.F) {
	f.Add([]byte(invoices(2)), "auto")
	f.Add([]byte("\ufeffa,b\n1,2\n\"x"), "utf-8")
	f.Add([]byte("a\n\x81\x30\x81\x30"), "gb18030")
	f.Fuzz(func(t *testing.T, data []byte, encoding string) {
		table, err := OpenTable(bytes.NewReader(data), TableOptions{Encoding: encoding})
		if err != nil {
			return
		}
		n := int64(0)
		for row, err := range table.Rows() {
			if err != nil {
				return
			}
			n++
			require.Equal(t, n, row.Number)
			if row.Rejected == nil {
				for _, c := range table.Columns {
					_, ok := row.Lookup(c)
					require.True(t, ok)
				}
			}
		}
	})
}
