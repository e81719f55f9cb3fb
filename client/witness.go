package client

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"
)

// witnessPatience is how long a witness may take in all, which may be a block behind.
const witnessPatience = 3 * time.Second

// askWitnesses compares a header that was verified with what other members' nodes show at that height. A witness that is
// away, or shows a header that does not stand up to the same rules, says nothing; at least one must confirm. A witness
// whose other header stands up proves that validators signed twice: ConflictError.
func (c *Client) askWitnesses(ctx context.Context, from *Trust, steps []*LightBlock, now time.Time) error {
	if len(c.witnesses) == 0 {
		return nil
	}
	said := c.testimony(ctx, from, steps, now)
	confirmed := 0
	for _, err := range said {
		var conflict *ConflictError
		switch {
		case err == nil:
			confirmed++
		case errors.As(err, &conflict):
			return c.conflict(conflict)
		}
	}
	if confirmed == 0 {
		return fmt.Errorf("%w: height %d: %w", ErrNoWitness, steps[len(steps)-1].Height, errors.Join(said...))
	}
	return nil
}

// testimony asks all witnesses at once about the last of steps, which was verified from a pin; nil is yes.
func (c *Client) testimony(ctx context.Context, from *Trust, steps []*LightBlock, now time.Time) []error {
	ctx, cancel := context.WithTimeout(ctx, min(witnessPatience, c.retryFor))
	defer cancel()
	said := make([]error, len(c.witnesses))
	var wg sync.WaitGroup
	for i, base := range c.witnesses {
		wg.Go(func() { said[i] = c.askWitness(ctx, base, from, steps, now) })
	}
	wg.Wait()
	return said
}

// Testimony is what a witness says about a header: nothing against it, or Err.
type Testimony struct {
	Witness string
	Err     error
}

// Compare verifies the newest header of the nodes, asks every witness for the same height, and says what each of them said.
// The header becomes the newest pin if it stands. The error is that of a read: ErrWitnessConflict, ErrNoWitness, …
func (c *Client) Compare(ctx context.Context) (*Trust, []Testimony, error) {
	if c.root == nil {
		return nil, nil, ErrNoTrust
	}
	lb, err := c.LightBlock(ctx, 0)
	if err != nil {
		return nil, nil, err
	}
	now := c.now()
	from, _, _, err := c.believed(lb.Height, now)
	if err != nil {
		return nil, nil, err
	}
	steps, err := follow(ctx, c.LightBlock, from, lb, now)
	if err != nil {
		return nil, nil, err
	}
	var out []Testimony
	for i, err := range c.testimony(ctx, from, steps, now) {
		out = append(out, Testimony{c.witnesses[i], err})
	}
	// What counts is decided where it always is; what was said above is for people.
	if err := c.verifyHeader(ctx, lb, now, DefaultMaxAge); err != nil {
		return nil, out, err
	}
	return nextTrust(from, lb), out, nil
}

// askWitness asks one witness about the last of steps.
func (c *Client) askWitness(ctx context.Context, base string, from *Trust, steps []*LightBlock, now time.Time) error {
	fetch := func(ctx context.Context, height int64) (*LightBlock, error) { return c.patiently(ctx, base, height) }
	ours := steps[len(steps)-1]
	other, err := fetch(ctx, ours.Height)
	if err != nil {
		return fmt.Errorf("%s: %w", base, err)
	}
	if ours.Hash() == other.Hash() {
		return nil
	}
	// Only a header that stands up to the same rules accuses anybody. The way to it is the witness's own: where validators
	// changed on one side only, there is none by the other's headers.
	theirs, err := follow(ctx, fetch, from, other, now)
	if err != nil {
		return fmt.Errorf("%s shows another header, which nobody need believe: %w", base, err)
	}
	return newConflict(from, side{"the node", steps}, side{base, theirs})
}

// patiently asks one node for a height that it may not have yet.
func (c *Client) patiently(ctx context.Context, base string, height int64) (*LightBlock, error) {
	for {
		lb, err := c.lightBlockOf(ctx, base, height)
		var refused *APIError
		if err == nil || !errors.As(err, &refused) || refused.Status != http.StatusNotFound {
			return lb, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(provablePause):
		}
	}
}

// conflictFormat stands in every file of evidence.
const conflictFormat = "tradecredit-conflict/1"

// maxConflictSize bounds a file of evidence in bytes.
const maxConflictSize = 64 << 20

// ConflictError is evidence that two headers of one height were signed by validators that are believed: with less than a
// third of the power in bad hands that cannot happen. It wraps ErrWitnessConflict.
type ConflictError struct {
	Trust *Trust          // what both follow from
	Sides [2]ConflictSide // what the node showed, and what the witness did
}

// ConflictSide is one of two histories: light blocks, each verified from the one before and the first from the trust.
type ConflictSide struct {
	From   string   `json:"from"` // who showed it
	Blocks [][]byte `json:"light_blocks"`
}

type side struct {
	from  string
	steps []*LightBlock
}

func newConflict(trust *Trust, sides ...side) *ConflictError {
	e := &ConflictError{Trust: trust}
	for i, s := range sides {
		e.Sides[i].From = s.from
		for _, lb := range s.steps {
			e.Sides[i].Blocks = append(e.Sides[i].Blocks, lb.Normal())
		}
	}
	return e
}

// Error names the height and both headers.
func (e *ConflictError) Error() string {
	a, b, err := e.headers()
	if err != nil {
		return ErrWitnessConflict.Error()
	}
	return fmt.Sprintf("%v: height %d, %s from %s and %s from %s", ErrWitnessConflict, a.Height, a.Hash(), e.Sides[0].From, b.Hash(), e.Sides[1].From)
}

// Unwrap is ErrWitnessConflict.
func (e *ConflictError) Unwrap() error { return ErrWitnessConflict }

// headers decodes the two headers that contradict each other.
func (e *ConflictError) headers() (a, b *LightBlock, err error) {
	var last [2]*LightBlock
	for i, s := range e.Sides {
		if len(s.Blocks) == 0 {
			return nil, nil, fmt.Errorf("%w: one side shows nothing", ErrConflictFile)
		}
		if last[i], err = DecodeLightBlock(s.Blocks[len(s.Blocks)-1]); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrConflictFile, err)
		}
	}
	return last[0], last[1], nil
}

// Check verifies the evidence for somebody else: both headers, of one height and not the same, follow from trust, which the
// reader pins. It returns the addresses of the validators that signed both, in hexadecimal. ErrConflictFile says that it
// proves nothing.
func (e *ConflictError) Check(trust *Trust) (both []string, err error) {
	a, b, err := e.headers()
	if err != nil {
		return nil, err
	}
	if a.Height != b.Height || a.Hash() == b.Hash() {
		return nil, fmt.Errorf("%w: the headers do not contradict each other", ErrConflictFile)
	}
	for _, s := range e.Sides {
		from := *trust
		from.Period = 0 // it is about what was signed, however long ago
		for _, data := range s.Blocks {
			lb, err := DecodeLightBlock(data)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrConflictFile, err)
			}
			if err := verifyLightBlock(lb, &from, lb.Time); err != nil {
				return nil, fmt.Errorf("%w: what %s showed does not follow from the trust: %w", ErrConflictFile, s.From, err)
			}
			from = *nextTrust(&from, lb)
		}
	}
	return signedBoth(a, b), nil
}

// signedBoth lists who signed two commits.
func signedBoth(a, b *LightBlock) (both []string) {
	first := map[string]bool{}
	for _, s := range a.Commit.Signatures {
		first[string(s.Address)] = s.Flag == votedFor
	}
	for _, s := range b.Commit.Signatures {
		if s.Flag == votedFor && first[string(s.Address)] {
			both = append(both, hex.EncodeToString(s.Address))
		}
	}
	return both
}

// votedFor is CometBFT's flag of a vote for the block.
const votedFor = 2

// conflictFile is the JSON form of a ConflictError.
type conflictFile struct {
	Format string          `json:"format"`
	Trust  *Trust          `json:"trust"`
	Sides  [2]ConflictSide `json:"sides"`
}

// WriteFile writes the evidence, for the other members.
func (e *ConflictError) WriteFile(path string) error {
	data, err := json.MarshalIndent(conflictFile{conflictFormat, e.Trust, e.Sides}, "", "  ")
	if err != nil {
		return err
	}
	return writeFileAtomic(path, append(data, '\n'), 0o644)
}

// ReadConflict reads a file of evidence; nothing in it is believed before Check. ErrConflictFile if it is none.
func ReadConflict(path string) (*ConflictError, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxConflictSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrConflictFile, info.Size())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var f conflictFile
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrConflictFile, err)
	}
	if f.Format != conflictFormat || f.Trust == nil {
		return nil, fmt.Errorf("%w: format %q", ErrConflictFile, f.Format)
	}
	return &ConflictError{Trust: f.Trust, Sides: f.Sides}, nil
}

// conflict stops the client, keeps the evidence beside the trust store, and returns it.
func (c *Client) conflict(e *ConflictError) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped == nil {
		c.stopped = e
		if c.store != nil {
			c.stopped = fmt.Errorf("%w; the evidence is %s", e, c.store.EvidencePath())
			if err := c.store.accuse(e); err != nil {
				c.stopped = errors.Join(e, err)
			}
		}
	}
	return c.stopped
}
