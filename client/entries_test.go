package client

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

const logSubject = "XX:REG:7"

// logNode serves a chain whose last state has the head of a subject's log, and the log with rows that came after it.
type logNode struct {
	*fakeNode
	rows    []*types.Entry
	proofs  int                             // asked for
	entries func(r *types.EntriesResponse)  // changes an answer
	proof   func(p *types.LogProofResponse) // changes an answer
}

func entriesOf(n int) (rows []*types.Entry, raw [][]byte) {
	for i := range n {
		e := &types.Entry{Kind: types.EntryKind(1 + i%3), Record: fmt.Sprintf("receivable/a-1/R-%d", i), Counterparty: "XX:REG:8", Member: "a-1", Day: int32(20000 + i),
			BaseMinor: int64(1000 * i), Counted: i%2 == 0}
		rows, raw = append(rows, e), append(raw, mustMarshal(e))
	}
	return rows, raw
}

// newLogNode has a log of n rows of which the last later came after the head that is proved.
func newLogNode(n, later int) *logNode {
	rows, raw := entriesOf(n)
	frontier, root, err := types.Frontier(nil).Extend(0, raw[:n-later])
	if err != nil {
		panic(err)
	}
	f := newFakeChain(4)
	state := map[string][]byte{"chain": {1}}
	if n > later {
		state[string(types.SubjectKey(logSubject))] = mustMarshal(&types.SubjectHead{Entries: uint64(n - later), Root: root, Frontier: frontier})
	}
	f.add(state)
	l := &logNode{fakeNode: newFakeNode(f), rows: rows}
	l.before = func(w http.ResponseWriter, r *http.Request, _ int) bool { return l.answer(w, r, raw) }
	return l
}

func (l *logNode) answer(w http.ResponseWriter, r *http.Request, raw [][]byte) bool {
	q := r.URL.Query()
	number := func(name string) uint64 {
		v, _ := strconv.ParseUint(q.Get(name), 10, 64) // absent: 0
		return v
	}
	switch r.URL.Path {
	case "/v1/entries":
		limit := number("limit")
		if limit == 0 {
			limit = 100
		}
		end := min(number("after")+limit, uint64(len(l.rows)))
		resp := &types.EntriesResponse{Subject: q.Get("subject"), Total: uint64(len(l.rows)), Height: 1, Next: end, Entries: l.rows[number("after"):end], Proved: true}
		if l.entries != nil {
			l.entries(resp)
		}
		reply(w, resp)
	case "/v1/log-proof":
		l.proofs++
		resp, err := rangeProof(raw, number("begin"), number("end"))
		if err != nil || q.Get("log") != logSubject || q.Get("height") != "1" {
			problem(w, http.StatusBadRequest, fmt.Sprint(err))
			return true
		}
		if l.proof != nil {
			l.proof(resp)
		}
		reply(w, resp)
	default:
		return false
	}
	return true
}

// rangeProof proves rows of a log.
func rangeProof(raw [][]byte, begin, end uint64) (*types.LogProofResponse, error) {
	p, err := types.ProveLogRange(uint64(len(raw)), begin, end, func(level uint, index uint64) ([]byte, error) {
		_, root, err := types.Frontier(nil).Extend(0, raw[index<<level:(index+1)<<level])
		return root, err
	})
	if err != nil {
		return nil, err
	}
	return &types.LogProofResponse{Log: logSubject, Height: 1, Rows: uint64(len(raw)), Begin: begin, End: end, Left: p.Left, Right: p.Right}, nil
}

// A list is complete, or it is refused.
func TestProveEntries(t *testing.T) {
	for _, n := range []int{1, 2, 7, 200, 201, 450} {
		l := newLogNode(n, 0)
		c, _ := l.serve(t)
		list, err := c.ProveEntries(context.Background(), logSubject, 0, 0, GetOptions{})
		require.NoError(t, err, n)
		require.True(t, list.Complete())
		require.Equal(t, uint64(n), list.Total)
		require.Equal(t, l.rows, list.Entries)
		require.Zero(t, l.proofs, "all rows need no proof beside the head")
		for _, part := range [][2]int{{0, 1}, {n / 2, 3}, {n - 1, 0}, {n, 0}, {n + 5, 10}} {
			list, err := c.ProveEntries(context.Background(), logSubject, uint64(part[0]), part[1], GetOptions{})
			require.NoError(t, err, "%d: %v", n, part)
			first := min(part[0], n)
			end := n
			if part[1] > 0 {
				end = min(n, first+part[1])
			}
			require.Equal(t, l.rows[first:end], append([]*types.Entry{}, list.Entries...))
			require.Equal(t, n == 1 && part[0] == 0, list.Complete())
		}
	}
	// Rows that came after the state that is proved are not shown.
	l := newLogNode(10, 3)
	c, _ := l.serve(t)
	list, err := c.ProveEntries(context.Background(), logSubject, 0, 0, GetOptions{})
	require.NoError(t, err)
	require.True(t, list.Complete())
	require.Equal(t, l.rows[:7], list.Entries)
	// Nothing was ever recorded of it.
	list, err = c.ProveEntries(context.Background(), "XX:REG:9", 0, 0, GetOptions{})
	require.NoError(t, err)
	require.True(t, list.Complete())
	require.Nil(t, list.Proven.Value)
	_, err = c.ProveEntries(context.Background(), "nobody", 0, 0, GetOptions{})
	require.Error(t, err)
}
