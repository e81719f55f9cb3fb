package app

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	abci "github.com/cometbft/cometbft/abci/types"

	"tradecredit/app/ledger"
	"tradecredit/app/state"
	"tradecredit/types"
)

// A snapshot comes from strangers. Offer looks at everything that can be judged before a chunk is fetched, in the order of
// what it costs; Chunk compares each chunk with the manifest, and the rows with the roots and with the heads of logs, before
// they are written; and the store has height 0 until the last comparison held. See state.Restore.

// Errors of snapshots beside those of package state, which see.
var (
	// ErrSnapshotFormat: this program does not read that format.
	ErrSnapshotFormat = fmt.Errorf("%w: unknown format", state.ErrSnapshot)
	// ErrSnapshotChunks: more chunks than a snapshot may have, or none.
	ErrSnapshotChunks = fmt.Errorf("%w: number of chunks", state.ErrSnapshot)
	// ErrSnapshotHash: the hash under which the manifest was offered is not its own.
	ErrSnapshotHash = fmt.Errorf("%w: hash of the manifest", state.ErrSnapshot)
	// ErrSnapshotCount: the offer counts other chunks than its manifest.
	ErrSnapshotCount = fmt.Errorf("%w: the offer and its manifest count differently", state.ErrSnapshot)
	// ErrSnapshotOld: of a height that the store has, or has passed.
	ErrSnapshotOld = fmt.Errorf("%w: of an older height", state.ErrSnapshot)
	// ErrNoOffer: a chunk, and no snapshot was accepted.
	ErrNoOffer = errors.New("no snapshot is being restored")
)

// restoring is a snapshot on its way into the store; used by one caller at a time.
type restoring struct {
	into *state.Restore
	m    *state.Manifest
	next int
}

// Offer begins to restore a snapshot, given as a peer offered it, whose app hash comes from a verified header. Another one
// that was not finished is given up. The error is one of this file or of package state; nothing has changed then but that.
func (a *App) Offer(offered *abci.Snapshot, appHash []byte) error {
	if err := a.abandonRestore(); err != nil {
		return err
	}
	switch {
	case offered == nil:
		return ErrNoOffer
	case offered.Format != state.SnapshotFormat:
		return fmt.Errorf("%w %d, this program reads %d", ErrSnapshotFormat, offered.Format, state.SnapshotFormat)
	case offered.Chunks == 0 || offered.Chunks > state.MaxChunks:
		return fmt.Errorf("%w: %d, at most %d", ErrSnapshotChunks, offered.Chunks, state.MaxChunks)
	case len(offered.Metadata) > state.MaxManifestSize:
		return fmt.Errorf("%w: %d bytes, at most %d", state.ErrManifestSize, len(offered.Metadata), state.MaxManifestSize)
	case a.Height() > 0 && int64(offered.Height) <= a.Height():
		return fmt.Errorf("%w: height %d, this node has %d", ErrSnapshotOld, offered.Height, a.Height())
	case string(offered.Hash) != string(ManifestHash(offered.Metadata)):
		return ErrSnapshotHash
	}
	m := new(state.Manifest)
	if err := m.Unmarshal(offered.Metadata); err != nil {
		return err
	}
	if m.Chunks() != int(offered.Chunks) {
		return fmt.Errorf("%w: %d and %d", ErrSnapshotCount, offered.Chunks, m.Chunks())
	}
	if len(appHash) != len(types.Hash{}) {
		return fmt.Errorf("%w: an app hash of %d bytes", state.ErrManifestOther, len(appHash))
	}
	into, err := a.db.Restore(m, int64(offered.Height), types.Hash(appHash))
	if err != nil {
		return err
	}
	check := ledger.NewLogCheck(into.Leaf)
	into.OnLeaf, into.OnRow, into.OnEnd = check.Leaf, check.Row, check.End
	a.restoring = &restoring{into: into, m: m}
	a.log.Info("restoring a snapshot", "height", m.Height(), "chunks", m.Chunks(), "hash", m.AppHash())
	return nil
}

// ManifestHash is the hash under which a manifest is offered.
func ManifestHash(manifest []byte) []byte {
	h := sha256.Sum256(manifest)
	return h[:]
}

// Chunk takes the next chunk of the snapshot that Offer accepted. After the last one the store has the snapshot's height, and
// done is true. After state.ErrChunkHash or state.ErrChunkPlace the right chunk may still be given; after any other error
// the restore is given up.
func (a *App) Chunk(index int, chunk []byte) (done bool, err error) {
	r := a.restoring
	if r == nil {
		return false, ErrNoOffer
	}
	err = r.into.Chunk(index, chunk)
	if err == nil {
		r.next++
		if r.next < r.m.Chunks() {
			return false, nil
		}
		if err = r.into.Finish(); err == nil {
			a.restoring = nil
			a.log.Info("snapshot restored", "height", r.m.Height(), "hash", r.m.AppHash())
			return true, compatible(a.db, a.options.AppVersion)
		}
	}
	if errors.Is(err, state.ErrChunkHash) || errors.Is(err, state.ErrChunkPlace) {
		return false, err
	}
	return false, errors.Join(err, a.abandonRestore())
}

// abandonRestore gives up a restore that is not finished.
func (a *App) abandonRestore() error {
	if a.restoring == nil {
		return nil
	}
	into := a.restoring.into
	a.restoring = nil
	return into.Abort()
}

// OfferSnapshot implements abci.Application by Offer.
func (a *App) OfferSnapshot(_ context.Context, req *abci.RequestOfferSnapshot) (*abci.ResponseOfferSnapshot, error) {
	err := a.Offer(req.Snapshot, req.AppHash)
	answer := abci.ResponseOfferSnapshot_ACCEPT
	switch {
	case err == nil:
	case errors.Is(err, ErrSnapshotFormat):
		answer = abci.ResponseOfferSnapshot_REJECT_FORMAT
	case errors.Is(err, ErrSnapshotOld), errors.Is(err, state.ErrManifestOther):
		answer = abci.ResponseOfferSnapshot_REJECT // an honest peer may be behind
	case errors.Is(err, state.ErrSnapshot):
		answer = abci.ResponseOfferSnapshot_REJECT_SENDER
	default:
		answer = abci.ResponseOfferSnapshot_ABORT
	}
	if err != nil {
		a.log.Warn("a snapshot was refused", "answer", answer, "err", err.Error())
	}
	return &abci.ResponseOfferSnapshot{Result: answer}, nil
}

// ApplySnapshotChunk implements abci.Application by Chunk. Who sent bytes that are not the manifest's is not asked again.
func (a *App) ApplySnapshotChunk(_ context.Context, req *abci.RequestApplySnapshotChunk) (*abci.ResponseApplySnapshotChunk, error) {
	_, err := a.Chunk(int(req.Index), req.Chunk)
	res := &abci.ResponseApplySnapshotChunk{Result: abci.ResponseApplySnapshotChunk_ACCEPT}
	switch {
	case err == nil:
		return res, nil
	case errors.Is(err, state.ErrChunkHash), errors.Is(err, state.ErrChunkPlace):
		res.Result = abci.ResponseApplySnapshotChunk_RETRY
		res.RefetchChunks, res.RejectSenders = []uint32{req.Index}, []string{req.Sender}
	case errors.Is(err, state.ErrSnapshot):
		res.Result = abci.ResponseApplySnapshotChunk_REJECT_SNAPSHOT
		res.RejectSenders = []string{req.Sender}
	default:
		res.Result = abci.ResponseApplySnapshotChunk_ABORT
	}
	a.log.Warn("a chunk of a snapshot was refused", "chunk", req.Index, "sender", req.Sender, "answer", res.Result, "err", err.Error())
	return res, nil
}
