package testnet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"tradecredit/client"
	"tradecredit/types"
)

// Workload makes meaningful transactions for measuring and for tests under load: subjects with mandates, then cycles of
// four records (order, receivable, delivery, settlement) between pairs of them. It is a function of its fields; its data
// is generated and serves tests and benchmarks only.
type Workload struct {
	Net      *Network
	Subjects int    // how many; from 2
	Unix     int64  // the time of signing, seconds
	Seller   string // one of the subjects: the seller of every cycle; empty: chosen by the cycle
}

// The members that a workload needs in the genesis.
const (
	WorkPlatform = "platform"
	WorkCarrier  = "carrier"
	WorkBank     = "bank-a"
)

// WorkSeats are the genesis members of a network under a workload.
func WorkSeats() []Seat {
	return []Seat{
		{ID: "council-a", Jurisdiction: "CN", Roles: []types.Role{types.Role_COUNCIL}},
		{ID: WorkPlatform, Jurisdiction: "CN", Roles: []types.Role{types.Role_PLATFORM}},
		{ID: WorkCarrier, Jurisdiction: "CN", Roles: []types.Role{types.Role_LOGISTICS}},
		{ID: WorkBank, Jurisdiction: "CN", Roles: []types.Role{types.Role_BANK}},
		{ID: "bank-b", Jurisdiction: "CN", Roles: []types.Role{types.Role_BANK}},
		{ID: WorkCustoms, Jurisdiction: "CN", Roles: []types.Role{types.Role_CUSTOMS}},
		{ID: WorkVerifier, Jurisdiction: "CN", Roles: []types.Role{types.Role_VERIFIER}},
		{ID: WorkTax, Jurisdiction: "CN", Roles: []types.Role{types.Role_TAX}},
	}
}

// Subject is the id of subject i.
func (w *Workload) Subject(i int) string { return fmt.Sprintf("XX:BENCH:%d", i) }

func (w *Workload) today() int32 { return types.DayOf(w.Unix, w.Net.Plan.DayOffsetS) }

// Sign makes one transaction of a member's messages.
func (w *Workload) Sign(member string, role types.Role, messages []*types.Message) ([]byte, error) {
	s := client.Signer{
		ID: member, KeyID: KeyID(role), Key: w.Net.Keys.Get(member, KeyID(role)),
		Origin: types.Origin{SourceSystem: "workload", Jurisdiction: "CN", CollectedUnix: w.Unix, Simulated: true},
	}
	return s.SignTx(w.Net.Plan.ChainID, messages, client.TxOptions{ValidUntil: time.Unix(w.Unix, 0).Add(12 * time.Hour)})
}

// Prepare are the transactions that register the subjects, and those, to be sent when the first are final, that confirm them.
func (w *Workload) Prepare() (register, confirm [][]byte, err error) {
	var first, second []*types.Message
	paper := sha256.Sum256([]byte("mandate"))
	for i := range w.Subjects {
		first = append(first, types.Wrap("", &types.RegisterEnterprise{
			Subject: w.Subject(i), District: "CN-ZJ", Size_: types.EnterpriseSize_SMALL, Ownership: types.Ownership_PRIVATE,
			ControlGroup: fmt.Sprintf("own-%d", i),
			Mandate: &types.Mandate{
				PaperDigest: paper[:], Delegate: WorkPlatform, Messages: []string{"anchor_document", "issue_receivable"}, UntilDay: w.today() + 300,
			},
		}))
		second = append(second, types.Wrap("", &types.ConfirmEnterprise{Subject: w.Subject(i)}))
	}
	if register, err = w.batches(WorkPlatform, types.Role_PLATFORM, first, 100); err != nil {
		return nil, nil, err
	}
	confirm, err = w.batches(WorkBank, types.Role_BANK, second, 100)
	return register, confirm, err
}

// Cycles are the transactions of cycles from ≤ i < to with so many messages each: first those that depend on nothing, then
// those that need the first to be final.
func (w *Workload) Cycles(from, to, batch int) (first, second [][]byte, err error) {
	var trade, moves, money []*types.Message
	for i := from; i < to; i++ {
		order, receivable, delivered, settlement := w.cycle(i)
		trade = append(trade, order, receivable)
		moves = append(moves, delivered)
		money = append(money, settlement)
	}
	if first, err = w.batches(WorkPlatform, types.Role_PLATFORM, trade, batch); err != nil {
		return nil, nil, err
	}
	if second, err = w.batches(WorkCarrier, types.Role_LOGISTICS, moves, batch); err != nil {
		return nil, nil, err
	}
	paid, err := w.batches(WorkBank, types.Role_BANK, money, batch)
	return first, append(second, paid...), err
}

func (w *Workload) batches(member string, role types.Role, messages []*types.Message, size int) ([][]byte, error) {
	var out [][]byte
	for part := range slices.Chunk(messages, size) {
		raw, err := w.Sign(member, role, part)
		if err != nil {
			return nil, err
		}
		out = append(out, raw)
	}
	return out, nil
}

// mix spreads i over the subjects (the finaliser of splitmix64).
func mix(i uint64) uint64 {
	i += 0x9e3779b97f4a7c15
	i = (i ^ (i >> 30)) * 0xbf58476d1ce4e5b9
	i = (i ^ (i >> 27)) * 0x94d049bb133111eb
	return i ^ (i >> 31)
}

// cycle is one trade from order to money, between two subjects that i chooses.
func (w *Workload) cycle(i int) (order, receivable, delivered, settlement *types.Message) {
	r := mix(uint64(i))
	n := uint64(w.Subjects)
	seller := w.Subject(int(r % n))
	buyer := w.Subject(int((r%n + 1 + (r>>20)%(n-1)) % n))
	if w.Seller != "" && buyer == w.Seller {
		seller, buyer = buyer, seller
	} else if w.Seller != "" {
		seller = w.Seller
	}
	amount := int64(10_000 + r>>40%1_000_000)
	day := w.today() - int32(r>>32%25)
	id := "c" + strconv.Itoa(i)
	terms := sha256.Sum256([]byte(id))
	order = types.Wrap("", &types.RecordOrder{
		Id: id, Kind: types.OrderKind_GOODS, Buyer: buyer, Seller: seller, OrderDay: day, PromisedDay: day + 10,
		Currency: w.Net.Plan.BaseCurrency, AmountMinor: amount, TermsDigest: terms[:],
	})
	receivable = types.Wrap(seller, &types.IssueReceivable{
		Id: id, Order: WorkPlatform + "/" + id, Seller: seller, Debtor: buyer, Type: "380", Currency: w.Net.Plan.BaseCurrency,
		AmountMinor: amount, IssueDay: day, DueDay: day + 30, Commitment: terms[:],
	})
	delivered = types.Wrap("", &types.RecordLogisticsEvent{
		Id: id, Order: WorkPlatform + "/" + id, Event: types.LogisticsEvent_DELIVERED, Day: day, Place: "CN",
	})
	end := sha256.Sum256([]byte("end-to-end " + id))
	settlement = types.Wrap("", &types.RecordSettlement{
		Id: end[:], Side: types.SettlementSide_CREDITOR, Payer: buyer, Payee: seller, Currency: w.Net.Plan.BaseCurrency,
		AmountMinor: amount, Day: w.today(), Channel: types.Channel_HVPS, Stage: types.SettlementStage_SALE,
		Allocations: []*types.Allocation{{Receivable: WorkPlatform + "/" + id, AmountMinor: amount}},
	})
	return order, receivable, delivered, settlement
}

// Post sends encoded transactions in one request and waits until they are final: the leanest client there is. It fails
// unless every message of every transaction was accepted.
func Post(ctx context.Context, api string, txs [][]byte) error {
	var body []byte
	for _, raw := range txs {
		body = binary.BigEndian.AppendUint32(body, uint32(len(raw)))
		body = append(body, raw...)
	}
	for {
		res, err := post(ctx, api, body)
		if err != nil {
			return err
		}
		again := false
		for i, r := range res.Results {
			switch code := types.Code(r.Code); {
			case r.Status == types.SubmitStatus_FINAL:
				for _, c := range r.Codes {
					if c := types.Code(c); c != types.Code_ok && c != types.Code_already_recorded {
						return fmt.Errorf("transaction %d: %s", i, c)
					}
				}
			case r.Status == types.SubmitStatus_ADMITTED || code.Transient():
				again = true
			case code != types.Code_reference_used:
				return fmt.Errorf("transaction %d: %s %s", i, code, r.Detail)
			}
		}
		if !again {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func post(ctx context.Context, api string, body []byte) (*types.SubmitResponse, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+api+"/v1/tx?wait=30", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	req.Header.Set("Accept", "application/x-protobuf")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(answer.Body, 64<<20))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", answer.Status, bytes.TrimSpace(raw))
	}
	res := new(types.SubmitResponse)
	return res, res.Unmarshal(raw)
}
