package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"tradecredit/client"
	"tradecredit/testnet"
	"tradecredit/types"
)

// The founding council, and the members that it admits by vote: only those that act here.
var councils = []string{"council-a", "council-b", "council-c"}

const (
	vendorsBank = "bank-vendors" // keeps the vendors' accounts: signs payments, confirms registrations
	askingBank  = "bank-asking"  // asks for credit
	platform    = "platform"
	carrier     = "carrier"
	inspector   = "verifier"
)

var admitted = []struct {
	id   string
	role types.Role
}{
	{vendorsBank, types.Role_BANK}, {askingBank, types.Role_BANK}, {platform, types.Role_PLATFORM},
	{carrier, types.Role_LOGISTICS}, {inspector, types.Role_VERIFIER},
}

// govern admits the members and opens the backfill windows, each by the votes of two of the three seats.
func (d *demo) govern(ctx context.Context) error {
	var proposals, votes []*types.Message
	propose := func(p *types.Propose) {
		proposals = append(proposals, types.Wrap("", p))
		votes = append(votes, types.Wrap("", &types.Vote{Proposal: councils[0] + "/" + p.Id, Approve: true}))
	}
	for _, m := range admitted {
		admit, err := d.admission(m.id, m.role)
		if err != nil {
			return err
		}
		propose(&types.Propose{Id: "admit-" + m.id, Action: &types.Propose_Admit{Admit: admit}})
	}
	if err := d.twice(ctx, proposals, votes); err != nil {
		return err
	}
	d.say("the council admitted two banks, a platform, a carrier and a verifier by vote")

	proposals, votes = nil, nil
	today := int32(time.Now().Unix() / 86400)
	for _, id := range []string{platform, carrier, inspector} {
		propose(&types.Propose{Id: "backfill-" + id, Action: &types.Propose_Backfill{Backfill: &types.Backfill{
			Member: id, FromDay: types.MinDay, UntilDay: today, ClosesUnix: time.Now().Add(7 * 24 * time.Hour).Unix(),
		}}})
	}
	if err := d.twice(ctx, proposals, votes); err != nil {
		return err
	}
	d.say("it opened a backfill window, so that old records count; they stay marked LATE")
	return nil
}

// admission makes a member's key and proves that it is possessed.
func (d *demo) admission(id string, role types.Role) (*types.Admit, error) {
	key, err := d.net.Keys.Put(id, testnet.KeyID(role))
	if err != nil {
		return nil, err
	}
	name := sha256.Sum256([]byte(id + " (simulated)"))
	return &types.Admit{
		Member: id, ControlGroup: "group-" + id, Jurisdiction: "US", Roles: []types.Role{role}, NameDigest: name[:],
		Keys: []*types.NewKey{{
			Id: testnet.KeyID(role), Role: role, Algorithm: key.Algorithm(), PublicKey: key.PublicKey(),
			Possession: key.Sign(types.Possession(chainID, id, testnet.KeyID(role), key.PublicKey())),
		}},
	}, nil
}

// twice has the first seat propose and the second vote, and waits for both to be final.
func (d *demo) twice(ctx context.Context, proposals, votes []*types.Message) error {
	if err := d.final(ctx, d.signer(councils[0], types.Role_COUNCIL, "council", 0), proposals); err != nil {
		return err
	}
	return d.final(ctx, d.signer(councils[1], types.Role_COUNCIL, "council", 0), votes)
}

// signer is a member with its key and its origin label; shift is by how many days its dates were moved.
func (d *demo) signer(id string, role types.Role, system string, shift int32) *client.Signer {
	return &client.Signer{
		ID: id, KeyID: testnet.KeyID(role), Key: d.net.Keys.Get(id, testnet.KeyID(role)),
		Origin: types.Origin{
			SourceSystem: system, Jurisdiction: "US", CollectedUnix: d.began.Unix(), ShiftDays: shift, Simulated: true,
		},
	}
}

// final submits messages, as many to a transaction as fit, and fails unless every one was accepted.
func (d *demo) final(ctx context.Context, s *client.Signer, messages []*types.Message) error {
	var txs [][]byte
	for part := range slices.Chunk(messages, 100) {
		raw, err := s.SignTx(chainID, part, client.TxOptions{ValidUntil: time.Now().Add(client.DefaultValidFor)})
		if err != nil {
			return err
		}
		txs = append(txs, raw)
	}
	results, err := d.client.Submit(ctx, txs, client.SubmitOptions{})
	if err != nil {
		return err
	}
	for _, r := range results {
		if err := r.Err(); err != nil {
			return fmt.Errorf("%s: %w", s.ID, err)
		}
		d.height = max(d.height, r.Height)
	}
	return nil
}

// register has the platform register every subject with a mandate, and an unrelated bank confirm it.
func (d *demo) register(ctx context.Context) error {
	var registrations, confirmations []*types.Message
	mandates := []string{"anchor_document", "grant_consent", "issue_receivable"}
	until := int32(time.Now().Unix()/86400) + 360
	for _, subject := range d.subjects() {
		paper := sha256.Sum256([]byte("simulated mandate of " + subject))
		registrations = append(registrations, types.Wrap("", &types.RegisterEnterprise{
			Subject: subject, District: d.district(subject), Size_: types.EnterpriseSize_MEDIUM,
			Ownership: types.Ownership_OTHER_OWNERSHIP, ControlGroup: "own:" + subject[3:],
			Mandate: &types.Mandate{PaperDigest: paper[:], Delegate: platform, Messages: mandates, UntilDay: until, Consent: true},
		}))
		confirmations = append(confirmations, types.Wrap("", &types.ConfirmEnterprise{Subject: subject}))
	}
	if err := d.final(ctx, d.signer(platform, types.Role_PLATFORM, "register", 0), registrations); err != nil {
		return err
	}
	if err := d.final(ctx, d.signer(vendorsBank, types.Role_BANK, "register", 0), confirmations); err != nil {
		return err
	}
	d.salt = make([]byte, 32)
	if _, err := rand.Read(d.salt); err != nil {
		return err
	}
	d.say("%d subjects are registered with mandates, and confirmed by an unrelated bank", len(registrations))
	return nil
}

// subjects lists everyone the sample speaks of, in order.
func (d *demo) subjects() []string {
	s := d.sample
	var out []string
	for _, group := range []map[string]string{s.suppliers, s.buyers, s.departments} {
		for id := range group {
			out = append(out, id)
		}
	}
	for id := range s.vendors {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// district is the country of a buyer; the others' are not in the source, and the United States keeps the record.
func (d *demo) district(subject string) string {
	if country := d.sample.buyers[subject]; country != "" {
		return country
	}
	return "US"
}
