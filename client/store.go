package client

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"tradecredit/client/verifier"
)

// A trust store is a file beside the trust file. It keeps the headers that were verified from the trust file's pin, each
// from the one before, so that the pin need not be old: what was verified once lets the next be verified. Nothing in it is
// believed because it stands there; every signature is verified again when it is opened. Its newest header only moves
// forward.

const storeFormat = "tradecredit-trust-store/1"

// Bounds of a trust store.
const (
	maxStoreSize  = 64 << 20
	maxStoreSteps = 4096
)

// storePatience is how long to wait for another program that writes the store.
const storePatience = 2 * time.Second

// TrustStore is an open trust store. Client.Keep writes it.
type TrustStore struct {
	path string
	root *Trust

	mu   sync.Mutex
	pins pins // as they stand in the file
}

// storeFile is the file's content.
type storeFile struct {
	Format  string      `json:"format"`
	ChainID string      `json:"chain_id"`
	Root    string      `json:"root"` // what the trust file pins, see identity
	Steps   []storeStep `json:"steps"`
}

type storeStep struct {
	Height     int64  `json:"height"`
	HeaderTime string `json:"header_time"`
	Verified   string `json:"verified"`
	LightBlock []byte `json:"light_block"`
}

// OpenTrustStore reads what was verified from root, nothing when there is no such file yet, and verifies it again.
// ErrTrustStore: it is damaged. ErrTrustStoreOther: it grew from another pin, and root is not newer than it; a user who
// means the new pin deletes the store. ErrWitnessConflict: a conflict was found and its evidence lies beside the store;
// nothing is believed until a person has settled that and removed the file.
func OpenTrustStore(path string, root *Trust) (*TrustStore, error) {
	if err := root.Check(); err != nil {
		return nil, err
	}
	s := &TrustStore{path: path, root: root}
	if _, err := os.Stat(s.EvidencePath()); err == nil {
		return nil, fmt.Errorf("%w; the evidence is %s: show it to the other members, and remove it when that is settled", ErrWitnessConflict, s.EvidencePath())
	}
	var err error
	s.pins, err = s.load()
	return s, err
}

// Path is the store's file.
func (s *TrustStore) Path() string { return s.path }

// EvidencePath is where the evidence of a conflict is kept.
func (s *TrustStore) EvidencePath() string { return s.path + ".conflict" }

// Steps are the headers that are kept, as trusts by ascending height, without the trust file's own.
func (s *TrustStore) Steps() []*Trust {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*Trust
	for _, p := range s.pins[1:] {
		out = append(out, p.trust)
	}
	return out
}

// load reads the file as it is now.
func (s *TrustStore) load() (pins, error) {
	begin := pins{{trust: s.root}}
	info, err := os.Stat(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return begin, nil
	}
	if err != nil {
		return nil, err
	}
	if info.Size() > maxStoreSize {
		return nil, fmt.Errorf("%w: %s has %d bytes", ErrTrustStore, s.path, info.Size())
	}
	data, err := os.ReadFile(s.path)
	if err != nil {
		return nil, err
	}
	out, err := readStore(data, s.root)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.path, err)
	}
	return out, nil
}

// readStore verifies a store's content from a root.
func readStore(data []byte, root *Trust) (pins, error) {
	var f storeFile
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrTrustStore, err)
	}
	if dec.More() || f.Format != storeFormat || len(f.Steps) == 0 || len(f.Steps) > maxStoreSteps {
		return nil, fmt.Errorf("%w: format %q, %d steps", ErrTrustStore, f.Format, len(f.Steps))
	}
	steps := make([]pin, len(f.Steps))
	for i, step := range f.Steps {
		var err error
		if steps[i], err = step.read(root); err != nil {
			return nil, err
		}
		if i > 0 && steps[i].lb.Height <= steps[i-1].lb.Height {
			return nil, fmt.Errorf("%w: height %d after %d", ErrTrustStore, steps[i].lb.Height, steps[i-1].lb.Height)
		}
	}
	out := pins{{trust: root}}
	if id := identity(root); f.ChainID != root.ChainID || f.Root != hex.EncodeToString(id[:]) {
		// A pin that was moved forward takes what is newer than itself along; one that lies beyond all of it begins anew.
		rest, ok := steps, false
		for i, step := range steps {
			if samePin(step.trust, root) {
				rest, ok = steps[i+1:], true
			}
		}
		if last := steps[len(steps)-1].trust; !ok && (f.ChainID != root.ChainID || root.Height <= last.Height) {
			return nil, fmt.Errorf("%w: it is of %s up to height %d, the trust file pins height %d of %s; if the trust file is right, remove the store",
				ErrTrustStoreOther, f.ChainID, last.Height, root.Height, root.ChainID)
		} else if !ok {
			rest = nil
		}
		steps = rest
	}
	for _, step := range steps {
		from := out.newest().trust
		if step.lb.Height <= from.Height || verifier.VerifyLightBlock(step.lb, from, step.lb.Time, verifier.OneThird) != nil {
			return nil, fmt.Errorf("%w: header %d does not follow from header %d", ErrTrustStore, step.lb.Height, from.Height)
		}
		step.trust = nextTrust(from, step.lb)
		out = append(out, step)
	}
	return out, nil
}

// samePin tells whether two pins are of the same header.
func samePin(a, b *Trust) bool { return identity(a) == identity(b) && a.HeaderTime.Equal(b.HeaderTime) }

// read decodes a step; its trust is as if it was pinned by itself.
func (s *storeStep) read(root *Trust) (p pin, err error) {
	if p.lb, err = DecodeLightBlock(s.LightBlock); err != nil {
		return p, fmt.Errorf("%w: %w", ErrTrustStore, err)
	}
	if p.at, err = time.Parse(time.RFC3339Nano, s.Verified); err != nil {
		return p, fmt.Errorf("%w: %v", ErrTrustStore, err)
	}
	if s.Height != p.lb.Height || s.HeaderTime != p.lb.Time.UTC().Format(time.RFC3339Nano) {
		return p, fmt.Errorf("%w: height or time of header %d", ErrTrustStore, p.lb.Height)
	}
	p.trust = verifier.TrustFrom(p.lb, root.Period)
	return p, nil
}

// Keep writes what was verified into the trust store, in one step: whole, or not at all. A store that another program moved
// further is left alone. Without a store, or with nothing new, it does nothing.
func (c *Client) Keep() error {
	if c.store == nil {
		return nil
	}
	c.mu.Lock()
	p, stopped := c.pins, c.stopped
	c.mu.Unlock()
	if stopped != nil {
		return stopped
	}
	return c.store.save(p)
}

// save replaces the file when p is newer.
func (s *TrustStore) save(p pins) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.newest().trust.Height <= s.pins.newest().trust.Height {
		return nil
	}
	id := identity(s.root)
	out := storeFile{Format: storeFormat, ChainID: s.root.ChainID, Root: hex.EncodeToString(id[:])}
	for _, k := range p[1:] {
		out.Steps = append(out.Steps, storeStep{Height: k.lb.Height, HeaderTime: k.lb.Time.UTC().Format(time.RFC3339Nano),
			Verified: k.at.UTC().Format(time.RFC3339Nano), LightBlock: k.lb.Normal()})
	}
	if len(out.Steps) > maxStoreSteps {
		return fmt.Errorf("%w: %d changes of validators since the pin; pin a newer header", ErrTrustStore, len(out.Steps))
	}
	data, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	unlock, err := lockFolder(filepath.Dir(s.path), storePatience)
	if err != nil {
		return err
	}
	defer unlock()
	there, err := s.load()
	if err != nil {
		return err
	}
	if there.newest().trust.Height < p.newest().trust.Height {
		if err := writeFileAtomic(s.path, append(data, '\n'), 0o644); err != nil {
			return err
		}
		there = p
	}
	s.pins = there
	return nil
}

// accuse keeps the evidence of a conflict, which stops every later run. The first one stays.
func (s *TrustStore) accuse(e *ConflictError) error {
	if _, err := os.Stat(s.EvidencePath()); err == nil {
		return nil
	}
	return e.WriteFile(s.EvidencePath())
}
