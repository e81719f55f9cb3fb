package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Audit checks what must hold of the records of a whole state, whatever happened before: what is settled, invoiced and
// spent adds up and stays within its bounds, every log is as long as its head says and has its root, every key can be
// found by its public half, nothing rests on what fell, everything that waits for time lies in the queues, and the
// network has a council. unix is the time of the state's block. It reads everything; it returns the first contradiction,
// with its key. That sums equal a fold over the logs is checked apart from it, in tests.
func Audit(r state.Reader, unix int64) error {
	b := &Block{Moment: Moment{Unix: unix}}
	var err error
	if b.Chain, err = state.Get(r, types.ChainKey); err != nil {
		return err
	}
	if b.Chain == nil {
		return errNoChain
	}
	for _, audit := range []func(state.Reader) error{
		auditSettlements, auditOrders, b.auditConsents, auditProposals, auditKeys, auditLogs, auditBlockLog, auditFallen, auditGoods, b.auditRights, b.keepsCouncil,
		b.auditGovernance, b.auditFinancing,
	} {
		if err := audit(r); err != nil {
			return err
		}
	}
	return nil
}

// each calls check for every record of a kind, and puts the key before what it says.
func each[V any, P types.Record[V]](r state.Reader, prefix types.Prefix[V], check func(id string, v P) error) error {
	return r.Scan(string(prefix), func(key string, value []byte) error {
		v := P(new(V))
		err := v.Unmarshal(value)
		if err == nil {
			err = check(strings.TrimPrefix(key, string(prefix)), v)
		}
		if err != nil {
			return fmt.Errorf("audit: %s: %w", key, err)
		}
		return nil
	})
}

// auditConsents: a consent is ACTIVE as long as it has uses left, and then waits for its end.
func (b *Block) auditConsents(r state.Reader) error {
	return each(r, types.Consents, func(id string, c *types.Consent) error {
		if c.Used > c.Consent.Uses || (c.Used == c.Consent.Uses) != (c.Status == types.ConsentStatus_EXHAUSTED) {
			return fmt.Errorf("%s after %d of %d uses", c.Status, c.Used, c.Consent.Uses)
		}
		return waits(r, b.endOfDay(c.Consent.UntilDay), types.DueKind_DUE_CONSENT, id, c.Status == types.ConsentStatus_ACTIVE)
	})
}

// waits tells whether an item lies in the queues exactly when it should.
func waits(r state.Reader, unix int64, kind types.DueKind, id string, should bool) error {
	due, err := state.Get(r, types.DueKey(unix, kind, id))
	if err == nil && should && due == nil {
		return fmt.Errorf("open, and not in the queues for %d", unix)
	}
	if err == nil && !should && due != nil {
		return fmt.Errorf("closed, and still in the queues for %d", unix)
	}
	return err
}

// auditProposals: votes are of the electorate and given once, and every OPEN proposal waits for its lapse.
func auditProposals(r state.Reader) error {
	return each(r, types.Proposals, func(id string, p *types.Proposal) error {
		votes := slices.Concat(p.Approvals, p.Rejections)
		slices.Sort(votes)
		if len(slices.Compact(votes)) != len(p.Approvals)+len(p.Rejections) {
			return errors.New("somebody voted twice")
		}
		for _, v := range votes {
			if !slices.Contains(p.Electorate, v) {
				return fmt.Errorf("%s is not of the electorate", v)
			}
		}
		need := quorum(p)
		open := p.Status == types.ProposalStatus_OPEN
		if open && (len(p.Approvals) >= need || len(p.Electorate)-len(p.Rejections) < need) {
			return fmt.Errorf("OPEN with %d for and %d against of %d", len(p.Approvals), len(p.Rejections), len(p.Electorate))
		}
		return waits(r, p.LapsesUnix, types.DueKind_DUE_PROPOSAL, id, open)
	})
}

// auditKeys: every key is found by its public half.
func auditKeys(r state.Reader) error {
	return each(r, types.Keys, func(_ string, k *types.KeyRecord) error {
		owner, err := state.Get(r, types.PublicKeyKey(k.PublicKey))
		if err == nil && (owner == nil || owner.Holder != k.Holder || owner.Id != k.Id) {
			return errors.New("its public half is not registered as its own")
		}
		return err
	})
}

// auditLogs: every log is as long as its head says, and has its root.
func auditLogs(r state.Reader) error {
	return each(r, types.Subjects, func(subject string, head *types.SubjectHead) error {
		f := types.Frontier{}
		for n := range head.Entries {
			row, err := r.Entry(types.EntryLog(subject), n)
			if err != nil {
				return err
			}
			if row == nil {
				return fmt.Errorf("row %d of %d is missing", n, head.Entries)
			}
			if f, err = f.Append(n, types.LogLeafHash(row)); err != nil {
				return err
			}
		}
		root, err := f.Root(head.Entries)
		if err == nil && !bytes.Equal(root, head.Root) {
			return errors.New("the rows have another root")
		}
		return err
	})
}
