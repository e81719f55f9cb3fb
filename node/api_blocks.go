package node

import (
	"math"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
)

// Bounds of an answer with blocks: it ends with the block that reaches one of them.
const (
	blocksAnswerBytes = 4 << 20
	blocksAnswerCount = 1000
)

// Headers of an answer with blocks.
const (
	headerFirst  = "Ledger-First"  // height of the first record
	headerLast   = "Ledger-Last"   // height of the last record
	headerNewest = "Ledger-Newest" // newest committed height of the node
)

// blocks passes blocks on, for archives and replays: GET /v1/blocks?from=H&to=H. The answer is block records in order (see
// blockRecord), not more than a few MiB of them, then the commit on the last one; headers say which heights they are. Only
// this machine may ask: whoever else wants the blocks runs a node.
func (a *api) blocks(w http.ResponseWriter, r *http.Request) error {
	if err := onlyHere(r); err != nil {
		return err
	}
	newest := a.chain.state.Head().Height
	q := queryOf(r, "from", "to")
	from := q.number("from", 0, 1, math.MaxInt64)
	to := q.number("to", newest, 1, math.MaxInt64)
	if q.err != nil {
		return q.err
	}
	w.Header().Set(headerNewest, strconv.FormatInt(newest, 10))
	if from == 0 {
		return problemf(http.StatusBadRequest, "the parameter from is missing: the first height wanted")
	}
	if base := a.chain.blocks.Base(); from < base {
		return problemf(http.StatusGone, "this node keeps blocks from %d on", base)
	}
	if to = min(to, newest); from > to {
		return problemf(http.StatusNotFound, "blocks %d to %d: the newest is %d", from, to, newest)
	}
	s := &blockReader{a.chain.blocks, a.chain.states}
	var answer []byte
	last := from
	for ; ; last++ {
		record, err := s.record(last)
		if err != nil {
			return err
		}
		answer = record.append(answer)
		if last == to || len(answer) >= blocksAnswerBytes || last-from+1 >= blocksAnswerCount {
			break
		}
	}
	commit, err := s.commit(last)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set(headerFirst, strconv.FormatInt(from, 10))
	w.Header().Set(headerLast, strconv.FormatInt(last, 10))
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)+len(commit)))
	_, _ = w.Write(append(answer, commit...)) // a caller that went away is no failure
	return nil
}

// genesis passes the genesis file on: GET /v1/genesis.
func (a *api) genesis(w http.ResponseWriter, r *http.Request) error {
	if err := onlyHere(r); err != nil {
		return err
	}
	text, err := os.ReadFile(a.node.cfg.GenesisFile())
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", contentJSON)
	_, _ = w.Write(text)
	return nil
}

// onlyHere refuses requests from other machines, and those that a proxy passed on.
func onlyHere(r *http.Request) error {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err == nil {
		var addr netip.Addr
		if addr, err = netip.ParseAddr(host); err == nil && addr.Unmap().IsLoopback() && r.Header.Get("X-Forwarded-For") == "" && r.Header.Get("Forwarded") == "" {
			return nil
		}
	}
	return problemf(http.StatusForbidden, "%s is for this machine only", r.URL.Path)
}
