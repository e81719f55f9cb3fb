package ledger

import (
	"slices"
	"strconv"
	"strings"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Time moves some states without a message: what is due lies in rows due/<unix>/<kind>/<id>, in the order of its time.

const (
	dueRetryS      = secondsADay
	dueMaxAttempts = 3
	// dueParkedUnix is the last second of the year 9999: an item that failed too often waits there, where it can be seen.
	dueParkedUnix = 253402300799
	dueSpanS      = 1000
	dueSpanZeros  = 3
	// idleRows bounds what is read to tell whether a registration was used; one with more rows was.
	idleRows = 64
)

// BeginStats says what the start of a block did; for metrics, no consensus.
type BeginStats struct {
	Due  int  // items worked off
	Bad  int  // of these, items that the rules refused: tried again next day, parked after the third time
	More bool // items were left for the next block
}

// Begin does what time alone does, before the first transaction: it forgets references that no transaction can use any
// more, brings into force what the council planned for this height, and works off at most Parameters.QueueItems due items. An item that cannot be worked off changes nothing but its
// own row, and is never an error; the error is not nil only when the machine failed.
func (b *Block) Begin() (BeginStats, error) {
	b.DropReferences(Bucket(b.Unix))
	if err := b.upgradeNow(); err != nil {
		return BeginStats{}, err
	}
	if err := b.activate(); err != nil {
		return BeginStats{}, err
	}
	keys, more, err := b.dueNow()
	if err != nil {
		return BeginStats{}, err
	}
	stats := BeginStats{Due: len(keys), More: more}
	for _, key := range keys {
		good, err := b.workOff(key)
		if err != nil {
			return BeginStats{}, err
		}
		if !good {
			stats.Bad++
		}
	}
	return stats, nil
}

// dueNow lists the items whose time has come, the oldest first, at most what a block may take, and whether there are more.
//
// It begins at a cursor: rows that were worked off stay in the store as history, and a walk from the first due item there
// ever was would become longer for ever. Nothing is put into the queues behind the cursor, since nothing falls due before
// the block that says so. The cursor moves by thousands of seconds, and so costs few rows; the time from there to now is
// cut into decimal spans, so that even after a halt of years some dozens of prefixes cover it.
func (b *Block) dueNow() (keys []types.Key[types.Due], more bool, err error) {
	cursor, err := b.dueCursor()
	if err != nil {
		return nil, false, err
	}
	next := floorSpan(b.Unix)
	for at, end := cursor, next+dueSpanS; at < end && !more; {
		zeros, span := widestSpan(at, end)
		err = b.Scan(string(types.DuePrefix(at, zeros)), func(key string, _ []byte) error {
			due := dueUnix(key) <= b.Unix
			if more = due && int64(len(keys)) == b.Params.QueueItems; more || !due {
				return state.Stop
			}
			keys = append(keys, types.Key[types.Due](key))
			return nil
		})
		if err != nil {
			return nil, false, err
		}
		at += span
	}
	if more {
		next = floorSpan(dueUnix(string(keys[len(keys)-1])))
	}
	if next > cursor {
		err = state.Set(b, types.DueCursorKey, &types.Due{Id: strconv.FormatInt(next, 10)})
	}
	return keys, more, err
}

func floorSpan(unix int64) int64 { return unix - unix%dueSpanS }

// widestSpan is the largest power of ten that at is a multiple of and that does not reach beyond end, at least dueSpanS.
func widestSpan(at, end int64) (zeros int, span int64) {
	zeros, span = dueSpanZeros, dueSpanS
	for at%(10*span) == 0 && at+10*span <= end {
		zeros, span = zeros+1, 10*span
	}
	return zeros, span
}

// dueCursor is the time before which nothing waits.
func (b *Block) dueCursor() (int64, error) {
	c, err := state.Get(b, types.DueCursorKey)
	if err != nil {
		return 0, err
	}
	if c == nil {
		return floorSpan(b.Chain.GenesisUnix), nil
	}
	return strconv.ParseInt(c.Id, 10, 64)
}

// dueUnix reads the time from an item's key; see types.DueKey.
func dueUnix(key string) int64 {
	digits, _, _ := strings.Cut(strings.TrimPrefix(key, string(types.Dues)), "/")
	unix, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0 // no such key is ever written; it is worked off, and counted as bad
	}
	return unix
}

// workOff takes one item from the queue. If the rules refuse it, good is false, and it waits for another day.
func (b *Block) workOff(key types.Key[types.Due]) (good bool, err error) {
	due, err := state.Get(b, key)
	if err != nil {
		return false, err
	}
	b.Delete(string(key))
	work := state.NewBatch(b.Batch)
	err = b.fallDue(work, due)
	if _, refused := types.CodeOf(err); err != nil && !refused {
		return false, err
	}
	if err == nil {
		work.Merge()
		return true, nil
	}
	due.Attempts++
	again := b.Unix + dueRetryS
	if due.Attempts >= dueMaxAttempts {
		again = dueParkedUnix
	}
	return false, state.Set(b, types.DueKey(again, due.Kind, due.Id), due)
}

func (b *Block) fallDue(w *state.Batch, due *types.Due) error {
	switch due.Kind {
	case types.DueKind_DUE_PROPOSAL:
		return b.lapseProposal(w, due.Id)
	case types.DueKind_DUE_ENTERPRISE:
		return b.lapseRegistration(w, due.Id)
	case types.DueKind_DUE_CONSENT:
		return expireConsent(w, due.Id)
	case types.DueKind_DUE_DOCUMENT:
		return expireDocument(w, due.Id)
	case types.DueKind_DUE_BACKFILL:
		return b.closeWindows(w, due.Id)
	case types.DueKind_DUE_OFFER:
		return lapseOffer(w, due.Id)
	case types.DueKind_DUE_RESERVATION:
		return b.lapseReservation(w, due.Id)
	case types.DueKind_DUE_POLICY:
		return endPolicy(w, due.Id)
	case types.DueKind_DUE_COMPROMISE:
		return b.sweep(w, due)
	case types.DueKind_DUE_DISPUTE:
		return b.disputeDue(w, due)
	}
	return types.Refuse(types.Code_inconsistent_state, "nothing falls due as %s", due.Kind)
}

// lapseProposal closes a proposal that found no quorum in time.
func (b *Block) lapseProposal(w *state.Batch, id string) error {
	p, err := there(w, types.ProposalKey(id))
	switch {
	case err != nil:
		return err
	case p.Status != types.ProposalStatus_OPEN:
		return nil
	}
	p.Status, p.DecidedHeight = types.ProposalStatus_LAPSED_PROPOSAL, b.Height
	return state.Set(w, types.ProposalKey(id), p)
}

// expireConsent ends a consent whose last day has passed.
func expireConsent(w *state.Batch, id string) error {
	c, err := there(w, types.ConsentKey(id))
	switch {
	case err != nil:
		return err
	case c.Status != types.ConsentStatus_ACTIVE:
		return nil
	}
	c.Status = types.ConsentStatus_EXPIRED
	return state.Set(w, types.ConsentKey(id), c)
}

// expireDocument ends a document whose last day has passed, unless it came to another end before.
func expireDocument(w *state.Batch, id string) error {
	d, err := there(w, types.DocumentKey(id))
	switch {
	case err != nil:
		return err
	case d.Status != types.DocumentStatus_ANCHORED && d.Status != types.DocumentStatus_DOCUMENT_VERIFIED:
		return nil
	}
	d.Status = types.DocumentStatus_DOCUMENT_EXPIRED
	return state.Set(w, types.DocumentKey(id), d)
}

// closeWindows takes the backfill windows that have closed from a member.
func (b *Block) closeWindows(w *state.Batch, id string) error {
	m, err := there(w, types.MemberKey(id))
	if err != nil {
		return err
	}
	dropClosed(m, b.Unix)
	return state.Set(w, types.MemberKey(id), m)
}

// lapseRegistration ends a registration, confirmed or not, that nobody used in 180 days: its log holds nothing but
// registrations, confirmations and delegations. Its keys and delegations go with it, so that none of them comes to life
// again when the enterprise is registered anew; a key that was revoked stays, so that it never returns.
func (b *Block) lapseRegistration(w *state.Batch, subject string) error {
	e, err := there(w, types.EnterpriseKey(subject))
	switch {
	case err != nil:
		return err
	case e.Status == types.EnterpriseStatus_LAPSED_ENTERPRISE:
		return nil
	}
	keys, err := keysOf(w, subject, idleRows)
	if err != nil {
		return err
	}
	delegations, err := list(w, types.Prefix[types.Delegation](types.DelegationKey(subject, "")), idleRows)
	if err != nil {
		return err
	}
	idle, err := onlyRegistered(w, subject)
	if err != nil || !idle || len(keys) == idleRows || len(delegations) == idleRows {
		return err
	}
	for _, k := range keys {
		if k.Status != types.KeyStatus_KEY_REVOKED {
			w.Delete(string(types.KeyKey(subject, k.Id)))
			w.Delete(string(types.PublicKeyKey(k.PublicKey)))
		}
	}
	for _, d := range delegations {
		w.Delete(string(types.DelegationKey(subject, d.Mandate.Delegate)))
	}
	e.Status = types.EnterpriseStatus_LAPSED_ENTERPRISE
	return state.Set(w, types.EnterpriseKey(subject), e)
}

// housekeeping are the entries that are no records.
var housekeeping = []types.EntryKind{
	types.EntryKind_ENTRY_REGISTERED, types.EntryKind_ENTRY_CONFIRMED, types.EntryKind_ENTRY_DELEGATION,
	types.EntryKind_ENTRY_UPDATED,
}

// onlyRegistered tells whether a subject's log holds no records.
func onlyRegistered(r state.Reader, subject string) (bool, error) {
	head, err := state.Get(r, types.SubjectKey(subject))
	if err != nil || head == nil {
		return head == nil, err
	}
	if head.Entries > idleRows {
		return false, nil
	}
	for n := range head.Entries {
		row, err := r.Entry(types.EntryLog(subject), n)
		if err != nil {
			return false, err
		}
		var e types.Entry
		if err := e.Unmarshal(row); err != nil {
			return false, types.Refuse(types.Code_inconsistent_state, "row %d of %s: %v", n, subject, err)
		}
		if !slices.Contains(housekeeping, e.Kind) {
			return false, nil
		}
	}
	return true, nil
}
