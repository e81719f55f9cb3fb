package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"tradecredit/types"
)

// maxAttempts bounds how often a pack that an earlier run had refused is tried anew.
const maxAttempts = 16

// bodyOverhead is what envelope and body take beside the messages, in bytes, generously.
const bodyOverhead = 1024

// SubmitterConfig says how messages are packed. Zero values take the defaults in brackets.
type SubmitterConfig struct {
	MessagesPerTx int           // 1–256 [100]
	TxsPerRequest int           // [16]
	Requests      int           // requests under way at a time [4]; with TxsPerRequest it bounds what is in flight
	Linger        time.Duration // how long a transaction that is not full waits for more messages [20 ms]
	ValidFor      time.Duration // [DefaultValidFor]
	Submit        SubmitOptions // RetryFor [10 min]
}

func (c SubmitterConfig) withDefaults() SubmitterConfig {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&c.MessagesPerTx, 100)
	set(&c.TxsPerRequest, 16)
	set(&c.Requests, 4)
	c.MessagesPerTx = min(c.MessagesPerTx, types.MaxMessages)
	if c.Linger <= 0 {
		c.Linger = 20 * time.Millisecond
	}
	if c.ValidFor <= 0 {
		c.ValidFor = DefaultValidFor
	}
	if c.Submit.RetryFor <= 0 {
		c.Submit.RetryFor = 10 * time.Minute
	}
	return c
}

// Outcome is what became of one group of messages.
type Outcome struct {
	Err       error        // not nil: nothing is known to be recorded; a *types.Error is a refusal at authentication
	Codes     []types.Code // one a message of the group, when Err is nil: the transaction is FINAL
	Height    int64
	Reference string
	Earlier   bool // the transaction had been final before this run
}

// group is a caller's messages that travel in one transaction, in order.
type group struct {
	messages []*types.Message
	done     func(Outcome)
}

// Submitter packs groups of messages of one signer into transactions, several of them into a request, several
// requests at a time. Groups of one call travel in one transaction and in order; nothing is said about the order
// between calls, so what depends on another group waits for its Outcome.
type Submitter struct {
	client *Client
	signer *Signer
	cfg    SubmitterConfig

	ctx    context.Context
	cancel context.CancelFunc
	packs  chan []group
	ended  chan struct{} // closed by Close
	done   sync.WaitGroup
	first  sync.Once
	floor  int64 // the nodes' height before anything was signed; 0: not known

	mu      sync.Mutex
	current []group
	count   int
	size    int
	since   time.Time
	closed  bool
	dead    error // not nil: everything was cancelled
}

// NewSubmitter starts the workers; Close ends them. ctx ends everything that is under way.
func (c *Client) NewSubmitter(ctx context.Context, s *Signer, cfg SubmitterConfig) *Submitter {
	u := &Submitter{client: c, signer: s, cfg: cfg.withDefaults()}
	u.ctx, u.cancel = context.WithCancel(ctx)
	u.packs = make(chan []group, u.cfg.Requests*u.cfg.TxsPerRequest)
	u.ended = make(chan struct{})
	for range u.cfg.Requests {
		u.done.Add(1)
		go u.work()
	}
	u.done.Add(1)
	go u.lingerLoop()
	return u
}

// Add hands over one group of 1 to 256 messages. done is called once, from another goroutine, when its fate is known;
// it may call Add of another Submitter, but not wait for this one. Add blocks while the window is full. An error means
// that the group was not taken, and done is not called.
func (u *Submitter) Add(messages []*types.Message, done func(Outcome)) error {
	size := 0
	for _, m := range messages {
		size += m.Size() + 8
	}
	if len(messages) == 0 || len(messages) > types.MaxMessages || size > types.MaxTxBytes-bodyOverhead {
		return fmt.Errorf("client: a group of %d messages with %d bytes does not fit into a transaction", len(messages), size)
	}
	u.mu.Lock()
	if u.closed || u.dead != nil {
		err := u.dead
		u.mu.Unlock()
		if err != nil {
			return err
		}
		return errors.New("client: submitter is closed")
	}
	var full []group
	if u.count > 0 && (u.count+len(messages) > u.cfg.MessagesPerTx || u.size+size > types.MaxTxBytes-bodyOverhead) {
		full = u.seal()
	}
	if u.count == 0 {
		u.since = time.Now()
	}
	u.current = append(u.current, group{messages, done})
	u.count += len(messages)
	u.size += size
	u.mu.Unlock()
	u.push(full)
	return nil
}

// seal takes the current pack; the lock is held.
func (u *Submitter) seal() []group {
	p := u.current
	u.current, u.count, u.size = nil, 0, 0
	return p
}

// push hands a pack to the workers, or tells its owners that nothing goes any more.
func (u *Submitter) push(pack []group) {
	if len(pack) == 0 {
		return
	}
	select {
	case u.packs <- pack:
	case <-u.ctx.Done():
		fail(pack, u.ctx.Err())
	}
}

// Flush sends what waits for a fuller transaction.
func (u *Submitter) Flush() {
	u.mu.Lock()
	p := u.seal()
	u.mu.Unlock()
	u.push(p)
}

// Close flushes, waits until every group's fate is known, and ends the workers.
func (u *Submitter) Close() error {
	u.Flush()
	u.mu.Lock()
	already := u.closed
	u.closed = true
	u.mu.Unlock()
	if already {
		return errors.New("client: submitter is closed")
	}
	close(u.ended)
	close(u.packs)
	u.done.Wait()
	u.cancel()
	return nil
}

// lingerLoop sends transactions that are not full once they have waited long enough.
func (u *Submitter) lingerLoop() {
	defer u.done.Done()
	tick := time.NewTicker(u.cfg.Linger)
	defer tick.Stop()
	for {
		select {
		case <-u.ctx.Done():
			u.die()
			return
		case <-u.ended:
			return
		case <-tick.C:
		}
		u.mu.Lock()
		if u.closed {
			u.mu.Unlock()
			return
		}
		var p []group
		// The lock is held while sending so that Close cannot close the channel under it; a full channel is left alone.
		if u.count > 0 && time.Since(u.since) >= u.cfg.Linger {
			p = u.seal()
			select {
			case u.packs <- p:
			default:
				u.restore(p)
			}
		}
		u.mu.Unlock()
	}
}

// die tells the owners of what waits that nothing goes any more, and refuses what comes later.
func (u *Submitter) die() {
	u.mu.Lock()
	u.dead = u.ctx.Err()
	p := u.seal()
	u.mu.Unlock()
	fail(p, u.dead)
}

// restore puts a sealed pack back; the lock is held and nothing was added since.
func (u *Submitter) restore(p []group) {
	u.current = p
	for _, g := range p {
		u.count += len(g.messages)
		for _, m := range g.messages {
			u.size += m.Size() + 8
		}
	}
}

// work sends packs, as many in a request as are ready.
func (u *Submitter) work() {
	defer u.done.Done()
	for first := range u.packs {
		u.first.Do(u.readFloor)
		batch := [][]group{first}
	more:
		for len(batch) < u.cfg.TxsPerRequest {
			select {
			case p, ok := <-u.packs:
				if !ok {
					break more
				}
				batch = append(batch, p)
			default:
				break more
			}
		}
		u.send(batch)
	}
}

// readFloor asks how high the chain is before this run has signed anything. What turns out to be final at or below that
// height was sent by an earlier run, even if it was the same to the byte.
func (u *Submitter) readFloor() {
	status, err := u.client.Status(u.ctx)
	if err != nil {
		return // then only other bytes give an earlier run away
	}
	if height, ok := status["height"].(float64); ok {
		u.floor = int64(height)
	}
}

// attempt is a pack on its way, with how often it was tried under another reference.
type attempt struct {
	pack  []group
	count uint32
}

// send brings packs to their end: signed, final, told to their owners; signed anew when they expired or an earlier
// run had them refused, and cut in halves when one group spoils the others' transaction.
func (u *Submitter) send(batch [][]group) {
	todo := make([]attempt, len(batch))
	for i, p := range batch {
		todo[i] = attempt{pack: p}
	}
	for len(todo) > 0 {
		var signed []attempt
		var raws [][]byte
		var next []attempt
		for _, a := range todo {
			raw, err := u.sign(a)
			if err != nil {
				next = append(next, u.refused(a, err)...)
				continue
			}
			signed, raws = append(signed, a), append(raws, raw)
		}
		if len(raws) > 0 {
			next = append(next, u.submit(signed, raws)...)
		}
		todo = next
	}
}

func (u *Submitter) sign(a attempt) ([]byte, error) {
	var messages []*types.Message
	for _, g := range a.pack {
		messages = append(messages, g.messages...)
	}
	reference, err := ContentReference(u.client.chainID, u.signer.ID, messages, a.count)
	if err != nil {
		return nil, err
	}
	return u.signer.SignTx(u.client.chainID, messages, TxOptions{Reference: reference, ValidUntil: u.client.now().Add(u.cfg.ValidFor)})
}

// submit sends signed packs and returns what must be tried again.
func (u *Submitter) submit(signed []attempt, raws [][]byte) []attempt {
	results, err := u.client.Submit(u.ctx, raws, u.cfg.Submit)
	var again []attempt
	for i, a := range signed {
		var r *Result
		if i < len(results) {
			r = results[i]
		}
		switch {
		case r != nil && r.Status == types.SubmitStatus_FINAL:
			again = append(again, u.final(a, r)...)
		case r != nil && r.Status == types.SubmitStatus_SUBMIT_REFUSED && r.Code == types.Code_tx_expired:
			again = append(again, a) // nothing was written: sign it for a new window
		case r != nil && r.Status == types.SubmitStatus_SUBMIT_REFUSED:
			again = append(again, u.refused(a, r.Err())...)
		case err != nil:
			fail(a.pack, err)
		default:
			fail(a.pack, ErrNotFinal)
		}
	}
	return again
}

// final tells the owners, unless an earlier run's refusals deserve another try.
func (u *Submitter) final(a attempt, r *Result) []attempt {
	n := 0
	for _, g := range a.pack {
		n += len(g.messages)
	}
	if len(r.Codes) != n {
		fail(a.pack, fmt.Errorf("%w: %d codes for %d messages", ErrAnswer, len(r.Codes), n))
		return nil
	}
	r.Earlier = r.Earlier || r.Height <= u.floor
	if r.Earlier && r.Accepted() < n && a.count < maxAttempts {
		a.count++
		return []attempt{a}
	}
	at := 0
	for _, g := range a.pack {
		g.done(Outcome{Codes: r.Codes[at : at+len(g.messages)], Height: r.Height, Reference: r.Reference, Earlier: r.Earlier})
		at += len(g.messages)
	}
	return nil
}

// spoiling are the refusals that one message brings upon its whole transaction.
var spoiling = []types.Code{types.Code_tx_too_large, types.Code_tx_malformed, types.Code_tx_not_canonical,
	types.Code_tx_field_invalid, types.Code_message_count_out_of_range, types.Code_role_not_permitted, types.Code_block_cost_exceeded}

// refused tells the owners, or cuts the pack in halves to find whose message spoils it.
func (u *Submitter) refused(a attempt, err error) []attempt {
	code, _ := types.CodeOf(err)
	if len(a.pack) < 2 || !slices.Contains(spoiling, code) {
		fail(a.pack, err)
		return nil
	}
	half := len(a.pack) / 2
	return []attempt{{pack: a.pack[:half]}, {pack: a.pack[half:]}}
}

func fail(pack []group, err error) {
	for _, g := range pack {
		g.done(Outcome{Err: err})
	}
}
