package ledger

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"

	"tradecredit/app/state"
	"tradecredit/types"
)

// LogCheck holds the rows of logs to the heads that leaves keep of them, while rows come by: every row is one that a head
// counts, none is missing, and together they have the head's root. All leaves are shown first, then all rows by log and
// number, then End is called. It needs memory for one log's frontier.
type LogCheck struct {
	leaf  func(key string) ([]byte, error)
	heads int // logs that must have rows
	logs  int // logs that are whole

	log      string // at work; "" for none
	want     uint64 // rows by its head
	root     []byte
	next     uint64
	frontier types.Frontier
}

// NewLogCheck makes one that reads heads with leaf, which gives nil for a key that is not there.
func NewLogCheck(leaf func(key string) ([]byte, error)) *LogCheck { return &LogCheck{leaf: leaf} }

// Leaf counts the heads of logs. Leaves of other kinds mean nothing to it.
func (c *LogCheck) Leaf(key string, value []byte) error {
	if key != string(types.BlockLogKey) && !strings.HasPrefix(key, string(types.Subjects)) {
		return nil
	}
	rows, _, err := decodeHead(key, value)
	if err == nil && rows > 0 {
		c.heads++
	}
	return err
}

// Row takes the next row.
func (c *LogCheck) Row(log string, n uint64, row []byte) error {
	if log != c.log {
		if err := c.finish(); err != nil {
			return err
		}
		key := headKey(log)
		value, err := c.leaf(key)
		if err != nil {
			return err
		}
		if value == nil {
			return fmt.Errorf("the log %q has rows and no head", log)
		}
		if c.want, c.root, err = decodeHead(key, value); err != nil {
			return err
		}
		c.log, c.next, c.frontier = log, 0, types.Frontier{}
	}
	if n != c.next || n >= c.want {
		return fmt.Errorf("the log %q has a row %d, after %d of %d rows", log, n, c.next, c.want)
	}
	if log == types.BlockLogName && len(row) != sha256.Size {
		return fmt.Errorf("row %d of the log of block hashes has %d bytes", n, len(row))
	}
	var err error
	c.frontier, err = c.frontier.Append(n, types.LogLeafHash(row))
	c.next++
	return err
}

// finish closes the log at work.
func (c *LogCheck) finish() error {
	if c.log == "" {
		return nil
	}
	if c.next != c.want {
		return fmt.Errorf("the log %q ends after %d of %d rows", c.log, c.next, c.want)
	}
	root, err := c.frontier.Root(c.next)
	if err != nil {
		return err
	}
	if !bytes.Equal(root, c.root) {
		return fmt.Errorf("the rows of the log %q do not have its root", c.log)
	}
	c.log = ""
	c.logs++
	return nil
}

// End is called after the last row.
func (c *LogCheck) End() error {
	if err := c.finish(); err != nil {
		return err
	}
	if c.logs != c.heads {
		return fmt.Errorf("%d of %d logs have rows", c.logs, c.heads)
	}
	return nil
}

// headKey is the leaf that holds the head of a log.
func headKey(log string) string {
	if log == types.BlockLogName {
		return string(types.BlockLogKey)
	}
	return string(types.SubjectKey(log))
}

// decodeHead reads number of rows and root of a log's head.
func decodeHead(key string, value []byte) (rows uint64, root []byte, err error) {
	if key == string(types.BlockLogKey) {
		var head types.BlockLog
		err = head.Unmarshal(value)
		rows, root = head.Blocks, head.Root
	} else {
		var head types.SubjectHead
		err = head.Unmarshal(value)
		rows, root = head.Entries, head.Root
	}
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", key, err)
	}
	return rows, root, nil
}

// CheckLog compares one log with its head, whose key may be any: keys that are no heads are none of its business. It says how
// many rows it read.
func CheckLog(r state.Reader, key string) (rows uint64, err error) {
	log, is := strings.CutPrefix(key, string(types.Subjects))
	if key == string(types.BlockLogKey) {
		log, is = types.BlockLogName, true
	}
	if !is {
		return 0, nil
	}
	c := NewLogCheck(r.Get)
	value, err := r.Get(key)
	if err != nil || value == nil {
		return 0, err
	}
	want, _, err := decodeHead(key, value)
	for n := uint64(0); n < want && err == nil; n++ {
		var row []byte
		if row, err = r.Entry(log, n); err == nil && row == nil {
			err = fmt.Errorf("row %d of %d of the log %q is missing", n, want, log)
		}
		if err == nil {
			err = c.Row(log, n, row)
		}
	}
	if err != nil {
		return 0, err
	}
	return want, c.finish()
}

// LogTails lists what the changes of one block, of which before is the state before it, appended to logs.
func LogTails(before state.Reader, changes []types.Change) ([]state.LogTail, error) {
	var tails []state.LogTail
	for _, c := range changes {
		log, is := strings.CutPrefix(c.Key, string(types.Subjects))
		if c.Key == string(types.BlockLogKey) {
			log, is = types.BlockLogName, true
		}
		if !is {
			continue
		}
		var from, to uint64
		value, err := before.Get(c.Key)
		if err == nil && value != nil {
			from, _, err = decodeHead(c.Key, value)
		}
		if err == nil && c.Value != nil {
			to, _, err = decodeHead(c.Key, c.Value)
		}
		if err != nil {
			return nil, err
		}
		if to > from {
			tails = append(tails, state.LogTail{Log: log, From: from, To: to})
		}
	}
	return tails, nil
}
