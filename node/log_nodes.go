package node

import (
	"fmt"
	"sync"

	"tradecredit/app/state"
	"tradecredit/types"
)

// logNodes computes the roots of perfect subtrees of logs, which never change once their rows are there, and keeps those
// of many rows: a first proof in a long log reads all of it, the next ones a few rows.
type logNodes struct {
	mu   sync.Mutex
	kept map[logNode]types.Hash
}

type logNode struct {
	log   string
	level uint
	index uint64
}

const (
	keptLevel    = 8       // subtrees of at least 256 rows are kept
	maxKeptNodes = 1 << 17 // 16 million rows; then it begins anew
)

func newLogNodes() *logNodes { return &logNodes{kept: map[logNode]types.Hash{}} }

// node is the root of the subtree of the rows from index·2^level on.
func (l *logNodes) node(view *state.View, log string, level uint, index uint64) ([]byte, error) {
	if level < keptLevel {
		return subtreeOf(view, log, level, index)
	}
	at := logNode{log, level, index}
	l.mu.Lock()
	hash, ok := l.kept[at]
	l.mu.Unlock()
	if ok {
		return hash[:], nil
	}
	root, err := l.compute(view, log, level, index)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.kept) >= maxKeptNodes {
		clear(l.kept)
	}
	l.kept[at] = types.Hash(root)
	return root, nil
}

func (l *logNodes) compute(view *state.View, log string, level uint, index uint64) ([]byte, error) {
	if level == keptLevel {
		return subtreeOf(view, log, level, index)
	}
	left, err := l.node(view, log, level-1, 2*index)
	if err != nil {
		return nil, err
	}
	right, err := l.node(view, log, level-1, 2*index+1)
	if err != nil {
		return nil, err
	}
	return types.LogNodeHash(left, right), nil
}

// subtreeOf adds up rows.
func subtreeOf(view *state.View, log string, level uint, index uint64) ([]byte, error) {
	var rows [][]byte
	for n := index << level; n < (index+1)<<level; n++ {
		row, err := view.Entry(types.EntryLog(log), n)
		if err == nil && row == nil {
			err = fmt.Errorf("row %d of the log %s is missing", n, log)
		}
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	_, root, err := types.Frontier(nil).Extend(0, rows)
	return root, err
}
