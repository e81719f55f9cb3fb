package node

import (
	"encoding/hex"
	"errors"
	"math"
	"net/http"
	"strconv"

	"tradecredit/app"
	"tradecredit/app/state"
)

// SnapshotInfo is one snapshot of GET /v1/snapshots: this node's word, checked by whoever restores it.
type SnapshotInfo struct {
	Height  int64  `json:"height"`
	Format  uint32 `json:"format"`
	Chunks  int    `json:"chunks"`
	Bytes   int64  `json:"bytes"`
	Hash    string `json:"hash"`     // SHA-256 of the manifest
	AppHash string `json:"app_hash"` // stands in the header of height + 1
	Header  string `json:"header"`   // hash of the header of height, for --trust; "" if the block is not kept
}

type snapshotList struct {
	Snapshots []SnapshotInfo `json:"snapshots"`
}

// snapshotInfo describes a snapshot.
func snapshotInfo(s *app.Snapshot, header []byte) SnapshotInfo {
	hash := s.Manifest.AppHash()
	return SnapshotInfo{
		Height: s.Manifest.Height(), Format: state.SnapshotFormat, Chunks: s.Manifest.Chunks(), Bytes: s.Bytes,
		Hash: hex.EncodeToString(s.Hash[:]), AppHash: hex.EncodeToString(hash[:]), Header: hex.EncodeToString(header),
	}
}

// snapshots answers GET /v1/snapshots: what is kept, the newest first.
func (a *api) snapshots(w http.ResponseWriter, r *http.Request) error {
	if q := queryOf(r); q.err != nil {
		return q.err
	}
	kept, _ := a.node.app.Snapshots()
	list := snapshotList{Snapshots: []SnapshotInfo{}}
	for _, s := range kept {
		var header []byte
		if meta := a.chain.blocks.LoadBlockMeta(s.Manifest.Height()); meta != nil {
			header = meta.BlockID.Hash
		}
		list.Snapshots = append(list.Snapshots, snapshotInfo(s, header))
	}
	answerJSON(w, http.StatusOK, list)
	return nil
}

// snapshot answers GET /v1/snapshot?height=H&part=P with bytes: P is "manifest", "block" (CometBFT's block of the height) or
// the number of a chunk, from 0.
func (a *api) snapshot(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r, "height", "part")
	height, part := q.number("height", 0, 1, math.MaxInt64-1), q.need("part", 20)
	if q.err != nil {
		return q.err
	}
	body, err := a.snapshotPart(height, part)
	if err != nil {
		return err
	}
	if body == nil {
		return problemf(http.StatusNotFound, "there is no part %s of a snapshot of height %d; /v1/snapshots lists what there is", part, height)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // a caller that went away is no failure
	return nil
}

// snapshotPart is a part of a snapshot that is kept, nil if there is none.
func (a *api) snapshotPart(height int64, part string) ([]byte, error) {
	kept, _ := a.node.app.Snapshots()
	for _, s := range kept {
		if s.Manifest.Height() != height {
			continue
		}
		switch part {
		case "manifest":
			return s.Encoded, nil
		case "block":
			block := a.chain.blocks.LoadBlock(height)
			if block == nil {
				return nil, nil
			}
			p, err := block.ToProto()
			if err != nil {
				return nil, err
			}
			return p.Marshal()
		}
		index, err := strconv.ParseUint(part, 10, 31)
		if err != nil {
			return nil, problemf(http.StatusBadRequest, "part must be manifest, block or the number of a chunk, but is %q", part)
		}
		chunk, err := a.node.app.SnapshotChunk(height, int(index))
		if errors.Is(err, state.ErrChunkHash) {
			return nil, problemf(http.StatusNotFound, "the snapshot of height %d is damaged on this node", height)
		}
		return chunk, err
	}
	return nil, nil
}
