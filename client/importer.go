package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"tradecredit/types"
)

// ReasonTooLarge rejects a row whose messages do not fit into a transaction.
const ReasonTooLarge = "too large for a transaction"

// DefaultWindow is how many rows may be under way at a time.
const DefaultWindow = 8192

// Step is one message of a row, and who signs it. Neighbouring steps of one signer travel in one transaction, in order;
// a step of another signer waits until the one before is FINAL and holds.
type Step struct {
	Signer     string // name in Importer.Signers
	OnBehalfOf string
	Msg        types.Msg
}

// Mapper turns a row into steps. A *Rejection means that the row is not recorded, and why; any other error ends the
// import. No steps and no error: the row has nothing to record.
type Mapper func(*Row) ([]Step, error)

// RowStatus is what became of a row.
type RowStatus string

// The statuses of rows.
const (
	RowNew      RowStatus = "new"      // at least one message was recorded now
	RowAlready  RowStatus = "already"  // everything was recorded before, with the same content
	RowEmpty    RowStatus = "nothing"  // the mapping makes nothing of it
	RowRejected RowStatus = "rejected" // never sent: see Reason
	RowRefused  RowStatus = "refused"  // the ledger refused a message: Reason is its code
	RowUnknown  RowStatus = "unknown"  // not final in time: send it again, nothing happens twice
	RowChecked  RowStatus = "checked"  // dry run: messages were made and not sent
)

// RowResult is what became of one row.
type RowResult struct {
	Number   int64
	Line     int64
	Status   RowStatus
	Reason   string
	Detail   string
	Messages int
	Height   int64 // of the last transaction that was final; 0: none
}

// Summary counts.
type Summary struct {
	Rows     int64
	New      int64
	Already  int64
	Nothing  int64
	Checked  int64
	Unknown  int64
	Rejected map[string]int64 // rows never sent, by reason
	Refused  map[string]int64 // rows with a refused message, by code
	Messages int64            // sent and final, or made in a dry run
}

// NotRecorded counts the rows that are not on the ledger and should be.
func (s *Summary) NotRecorded() int64 {
	n := s.Unknown
	for _, v := range s.Rejected {
		n += v
	}
	for _, v := range s.Refused {
		n += v
	}
	return n
}

// Importer sends the messages of many rows and tells what became of each.
type Importer struct {
	Client    *Client
	Signers   map[string]*Signer
	Submitter SubmitterConfig
	Window    int  // rows under way; 0: DefaultWindow
	DryRun    bool // make the messages, send nothing
	// OnResult is called for every row in the order of the rows, from one goroutine; an error ends the import. May be nil.
	OnResult func(RowResult) error
}

// Run imports rows. It returns what it counted even when it fails; an error means that the import did not come to its
// end: rows without a result may or may not be recorded, and running it again is harmless.
func (im *Importer) Run(ctx context.Context, rows iter.Seq2[*Row, error], mapper Mapper) (*Summary, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &run{im: im, ctx: ctx, cancel: cancel, submitters: map[string]*Submitter{},
		summary: &Summary{Rejected: map[string]int64{}, Refused: map[string]int64{}}}
	window := im.Window
	if window <= 0 {
		window = DefaultWindow
	}
	r.room = make(chan struct{}, window)
	r.wake = sync.NewCond(&r.mu)
	if !im.DryRun {
		for name, s := range im.Signers {
			r.submitters[name] = im.Client.NewSubmitter(ctx, s, im.Submitter)
		}
	}
	var work sync.WaitGroup
	work.Add(2)
	go func() { defer work.Done(); r.advance() }()
	go func() { defer work.Done(); r.emit() }()
	// What is wrong with a later row is no reason to forget the earlier ones: they come to their end first.
	late := r.produce(rows, mapper)
	r.finish(nil)
	work.Wait()
	for _, s := range r.submitters {
		s.Close()
	}
	if err := r.failure(); err != nil {
		return r.summary, err
	}
	return r.summary, late
}

// run is one import under way.
type run struct {
	im         *Importer
	ctx        context.Context
	cancel     context.CancelCauseFunc
	submitters map[string]*Submitter
	room       chan struct{} // one token a row under way
	summary    *Summary      // of emitted rows; the emitter's alone

	mu       sync.Mutex
	wake     *sync.Cond
	pending  []*job // rows in order that are not emitted
	ready    []*job // rows whose next stage may be sent
	produced bool   // no more rows come
	err      error  // the first failure
}

// job is a row under way.
type job struct {
	result   RowResult
	stages   []stage
	sent     int
	anyNew   bool
	finished bool
}

// stage is what travels in one transaction.
type stage struct {
	signer   string
	messages []*types.Message
}

// produce maps rows and lets them in.
func (r *run) produce(rows iter.Seq2[*Row, error], mapper Mapper) error {
	for row, err := range rows {
		if err != nil {
			return err
		}
		j := &job{result: RowResult{Number: row.Number, Line: row.Line}}
		if err := r.plan(j, row, mapper); err != nil {
			return fmt.Errorf("row %d, line %d: %w", row.Number, row.Line, err)
		}
		select {
		case r.room <- struct{}{}:
		case <-r.ctx.Done():
			return context.Cause(r.ctx)
		}
		r.mu.Lock()
		r.pending = append(r.pending, j)
		if !j.finished {
			r.ready = append(r.ready, j)
		}
		r.wake.Broadcast()
		r.mu.Unlock()
	}
	return nil
}

// plan maps a row into stages, or finishes it.
func (r *run) plan(j *job, row *Row, mapper Mapper) error {
	if row.Rejected != nil {
		j.reject(row.Rejected)
		return nil
	}
	steps, err := mapper(row)
	var rejected *Rejection
	if errors.As(err, &rejected) {
		j.reject(rejected)
		return nil
	}
	if err != nil {
		return err
	}
	for _, s := range steps {
		if r.im.Signers[s.Signer] == nil {
			return fmt.Errorf("there is no signer %q", s.Signer)
		}
		j.result.Messages++
		m := types.Wrap(s.OnBehalfOf, s.Msg)
		if n := len(j.stages); n > 0 && j.stages[n-1].signer == s.Signer && len(j.stages[n-1].messages) < types.MaxMessages {
			j.stages[n-1].messages = append(j.stages[n-1].messages, m)
			continue
		}
		j.stages = append(j.stages, stage{s.Signer, []*types.Message{m}})
	}
	switch {
	case len(j.stages) == 0:
		j.result.Status, j.finished = RowEmpty, true
	case r.im.DryRun:
		j.result.Status, j.finished = RowChecked, true
	}
	return nil
}

func (j *job) reject(why *Rejection) {
	j.result.Status, j.result.Reason, j.result.Detail, j.finished = RowRejected, why.Reason, why.Detail, true
}

// advance sends the next stage of rows. It alone calls Add, so that workers, which call the rows back, never wait for
// each other.
func (r *run) advance() {
	for {
		r.mu.Lock()
		for len(r.ready) == 0 && r.err == nil && !(r.produced && len(r.pending) == 0) {
			r.wake.Wait()
		}
		if len(r.ready) == 0 || r.err != nil {
			r.mu.Unlock()
			return
		}
		batch := r.ready
		r.ready = nil
		r.mu.Unlock()
		for _, j := range batch {
			s := j.stages[j.sent]
			if err := r.submitters[s.signer].Add(s.messages, func(o Outcome) { r.took(j, o) }); err != nil {
				if r.ctx.Err() == nil {
					err = Reject(ReasonTooLarge, "%v", err)
				}
				r.took(j, Outcome{Err: err})
			}
		}
	}
}

// took takes in what became of a stage.
func (r *run) took(j *job, o Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if j.finished {
		return
	}
	j.result.Height = max(j.result.Height, o.Height)
	if done := j.take(o); !done {
		j.sent++
		r.ready = append(r.ready, j)
	} else {
		j.finished = true
	}
	r.wake.Broadcast()
}

// take tells whether the row is at its end.
func (j *job) take(o Outcome) bool {
	var refused *types.Error
	var rejected *Rejection
	switch {
	case errors.As(o.Err, &refused):
		j.result.Status, j.result.Reason, j.result.Detail = RowRefused, refused.Code.String(), refused.Detail
		return true
	case errors.As(o.Err, &rejected):
		j.reject(rejected)
		return true
	case o.Err != nil:
		j.result.Status, j.result.Reason, j.result.Detail = RowUnknown, "not final", o.Err.Error()
		return true
	}
	for i, c := range o.Codes {
		switch {
		case c == types.Code_ok && !o.Earlier:
			j.anyNew = true
		case c != types.Code_ok && c != types.Code_already_recorded:
			row := types.RowOf(j.stages[j.sent].messages[i].Get())
			j.result.Status, j.result.Reason, j.result.Detail = RowRefused, c.String(), fmt.Sprintf("%s, message %d of this row's transaction", row.Name, i+1)
			return true
		}
	}
	if j.sent+1 < len(j.stages) {
		return false
	}
	j.result.Status = RowAlready
	if j.anyNew {
		j.result.Status = RowNew
	}
	return true
}

// emit tells results in the order of the rows.
func (r *run) emit() {
	for {
		r.mu.Lock()
		for r.err == nil && !(len(r.pending) > 0 && r.pending[0].finished) && !(r.produced && len(r.pending) == 0) {
			r.wake.Wait()
		}
		n := 0
		for n < len(r.pending) && r.pending[n].finished {
			n++
		}
		done := r.pending[:n:n]
		r.pending = r.pending[n:]
		end := r.err != nil || (r.produced && len(r.pending) == 0)
		r.mu.Unlock()
		for _, j := range done {
			<-r.room
			r.summary.count(j.result)
			if r.im.OnResult == nil {
				continue
			}
			if err := r.im.OnResult(j.result); err != nil {
				r.finish(err)
				return
			}
		}
		if end {
			r.mu.Lock()
			r.wake.Broadcast()
			r.mu.Unlock()
			return
		}
	}
}

func (s *Summary) count(r RowResult) {
	s.Rows++
	switch r.Status {
	case RowNew:
		s.New++
	case RowAlready:
		s.Already++
	case RowEmpty:
		s.Nothing++
	case RowChecked:
		s.Checked++
	case RowUnknown:
		s.Unknown++
	case RowRejected:
		s.Rejected[r.Reason]++
	case RowRefused:
		s.Refused[r.Reason]++
	}
	if r.Status != RowRejected {
		s.Messages += int64(r.Messages)
	}
}

// finish says that no more rows come; an error ends everything.
func (r *run) finish(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.produced = true
	if err != nil && r.err == nil {
		r.err = err
		r.cancel(err)
	}
	r.wake.Broadcast()
}

func (r *run) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil && r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	return r.err
}
