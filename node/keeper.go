package node

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tradecredit/app"
	"tradecredit/app/state"
)

// The keeper does what a node does for itself, beside blocks: it adds to each snapshot what CometBFT needs to go on from it,
// listens for a backup that wants one, and compares the state on disk with the committed roots, a part at a time.
type keeper struct {
	node     *Node
	quit     chan struct{}
	stopping sync.Once
	done     sync.WaitGroup
	parts    *prometheus.CounterVec // kind: leaves, rows
	found    prometheus.Counter

	mu     sync.Mutex
	damage error // what the scrubber found first
	whole  int64 // height as of which all parts were compared since the start; 0: not yet
}

// keeperPace is how often the keeper looks for work.
const keeperPace = 500 * time.Millisecond

// Files of a snapshot beside those of package app: what CometBFT needs. They are written after the block that follows.
const (
	engineName = "engine" // CometBFT's state after the height
	blockName  = "block"  // of the height
	commitName = "commit" // on it
	wantedName = "wanted" // in the folder of all snapshots: a backup wants one
)

// newKeeper makes the keeper of a node whose application is there.
func (n *Node) newKeeper() *keeper {
	k := &keeper{
		node: n, quit: make(chan struct{}),
		parts: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: metricsNamespace, Subsystem: "scrub", Name: "compared_total",
			Help: "Rows on disk that were compared with the committed roots, by kind."}, []string{"kind"}),
		found: prometheus.NewCounter(prometheus.CounterOpts{Namespace: metricsNamespace, Subsystem: "scrub", Name: "damage_total",
			Help: "Parts of the state that were found damaged; any is a reason to act."}),
	}
	n.registry.MustRegister(k.parts, k.found, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: metricsNamespace, Subsystem: "scrub",
		Name: "whole_height", Help: "Height after which all parts of the state have been compared once more; 0: not since the start."},
		func() float64 {
			k.mu.Lock()
			defer k.mu.Unlock()
			return float64(k.whole)
		}))
	return k
}

// start begins the work.
func (k *keeper) start() {
	k.done.Go(k.keepSnapshots)
	if pause := time.Duration(k.node.cfg.State.ScrubPause); pause > 0 {
		k.done.Go(func() { k.scrub(pause) })
	}
}

// stop ends it. It may be called on nil.
func (k *keeper) stop() {
	if k == nil {
		return
	}
	k.stopping.Do(func() { close(k.quit) })
	k.done.Wait()
}

// sleep waits, and tells whether to go on.
func (k *keeper) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-k.quit:
		return false
	}
}

// keepSnapshots looks after the snapshots.
func (k *keeper) keepSnapshots() {
	for k.sleep(keeperPace) {
		wanted := filepath.Join(k.node.cfg.SnapshotDir(), wantedName)
		if err := os.Remove(wanted); err == nil {
			k.node.app.WantSnapshot()
		} else if !errors.Is(err, fs.ErrNotExist) {
			k.node.logger.Warn("a wish for a snapshot cannot be read", "file", wanted, "err", err.Error())
		}
		kept, _ := k.node.app.Snapshots()
		for _, s := range kept {
			if err := k.addEngine(s); err != nil && !errors.Is(err, errNoHeader) && !errors.Is(err, fs.ErrNotExist) {
				k.node.logger.Warn("a snapshot lacks what the engine needs", "height", s.Manifest.Height(), "err", err.Error())
			}
		}
	}
}

// addEngine writes what CometBFT needs beside a snapshot that lacks it.
func (k *keeper) addEngine(s *app.Snapshot) error {
	if _, err := os.Stat(filepath.Join(s.Dir, engineName)); err == nil {
		return nil
	}
	b, err := k.node.chain.beginningAt(s.Manifest.Height())
	if err != nil {
		return err
	}
	return b.writeFiles(s.Dir)
}

// writeFiles writes the parts into a folder; the state last, by which they are known to be there.
func (b *beginning) writeFiles(dir string) error {
	engine, block, commit, err := b.marshal()
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		data []byte
	}{{blockName, block}, {commitName, commit}, {engineName, engine}} {
		if err := replaceFile(filepath.Join(dir, f.name), f.data); err != nil {
			return err
		}
	}
	return syncDir(dir)
}

// replaceFile writes a file whole or not at all.
func replaceFile(path string, data []byte) error {
	scratch := path + ".new"
	if err := os.Remove(scratch); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeNew(scratch, data); err != nil {
		return err
	}
	return os.Rename(scratch, path)
}

// scrubShare is how much longer the scrubber rests than it works, whatever its pause.
const scrubShare = 4

// scrub compares all parts of the state in an order of its own, again and again.
func (k *keeper) scrub(pause time.Duration) {
	for {
		began := k.node.state.Head().Height
		for _, part := range rand.Perm(state.Ranges) {
			if !k.sleep(pause) {
				return
			}
			at := time.Now()
			if k.node.state.Head().Height > 0 && !k.scrubPart(part) {
				return
			}
			if !k.sleep(scrubShare * time.Since(at)) {
				return
			}
		}
		k.mu.Lock()
		if k.damage == nil {
			k.whole = began
		}
		k.mu.Unlock()
	}
}

// scrubPart compares one part; false when the node stops.
func (k *keeper) scrubPart(part int) bool {
	s, err := k.node.app.Scrub(part)
	if app.IsQuitting(err) {
		return false
	}
	k.parts.WithLabelValues("leaves").Add(float64(s.Leaves))
	k.parts.WithLabelValues("rows").Add(float64(s.Rows))
	if err != nil {
		k.found.Inc()
		k.node.logger.Error("the state on this disk is damaged: stop this node, keep its data folder for examination, run 'ledgerd fsck', and begin "+
			"again from a snapshot of other members", "part", part, "err", err.Error())
		k.mu.Lock()
		if k.damage == nil {
			k.damage = fmt.Errorf("the state on disk is damaged (part %d): %w", part, err)
		}
		k.mu.Unlock()
	}
	return true
}

// ailment is what the scrubber found, nil if nothing.
func (k *keeper) ailment() error {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.damage
}
