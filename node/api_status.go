package node

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"tradecredit/app/state"
	"tradecredit/types"
)

// silence is how old the newest block may be before the node calls itself unhealthy; idle blocks come every second or so.
const silence = 30 * time.Second

// Status is the answer of GET /v1/status. What it says is this node's word, not proved.
type Status struct {
	ChainID      string   `json:"chain_id"`
	Moniker      string   `json:"moniker"`
	NodeID       string   `json:"node_id"`
	Validator    string   `json:"validator_address"` // this node's key; whether it votes is another matter
	Height       int64    `json:"height"`            // last committed
	BlockTime    string   `json:"block_time"`        // of the newest header, RFC 3339
	AppHash      string   `json:"app_hash"`          // after height, hexadecimal; it stands in the header of height + 1
	Provable     int64    `json:"provable_height"`   // newest height that can be proved; 0: none yet
	OldestBlock  int64    `json:"oldest_block"`
	CatchingUp   bool     `json:"catching_up"`
	Peers        int      `json:"peers"`
	Simulation   bool     `json:"simulation"`
	Notice       string   `json:"notice,omitempty"`
	BaseCurrency string   `json:"base_currency"`
	Versions     Versions `json:"versions"`
}

// Versions says what runs.
type Versions struct {
	Ledger   string `json:"ledgerd"`
	CometBFT string `json:"cometbft"`
	Schema   uint32 `json:"state_schema"`
}

// EngineVersion is the version of CometBFT that this program was built with, "unknown" if the build does not say. (The constant
// in CometBFT itself lags behind.)
func EngineVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/cometbft/cometbft" {
				return m.Version
			}
		}
	}
	return "unknown"
}

// status answers GET /v1/status, always as JSON.
func (a *api) status(w http.ResponseWriter, r *http.Request) error {
	if q := queryOf(r); q.err != nil {
		return q.err
	}
	status, err := a.node.Status()
	if err != nil {
		return err
	}
	answerJSON(w, http.StatusOK, status)
	return nil
}

// Status says how the node is.
func (n *Node) Status() (Status, error) {
	head := n.state.Head()
	provable, err := n.chain.provable()
	if err != nil {
		provable = 0
	}
	s := Status{
		ChainID: n.genesis.ChainID, Moniker: n.cfg.Moniker, NodeID: n.identity.NodeID, Validator: n.identity.ValidatorAddress,
		Height: head.Height, AppHash: hex.EncodeToString(head.AppHash[:]), Provable: provable,
		OldestBlock: n.chain.blocks.Base(), CatchingUp: n.chain.catchingUp(), Peers: n.chain.peers(),
		Versions: Versions{Ledger: types.Version, CometBFT: EngineVersion(), Schema: head.Schema},
	}
	if at := n.chain.lastHeaderTime(); !at.IsZero() {
		s.BlockTime = at.UTC().Format(time.RFC3339Nano)
	}
	view := n.state.View()
	defer func() { _ = view.Close() }() // never fails
	chain, err := state.Get(view, types.ChainKey)
	if err != nil {
		return s, err
	}
	if chain != nil { // from block 1 on
		s.Simulation, s.Notice, s.BaseCurrency = chain.Simulation, chain.Notice, chain.BaseCurrency
	}
	return s, nil
}

// health answers GET /v1/health: 200 when the node is of use, otherwise 503 with the reasons.
func (a *api) health(w http.ResponseWriter, r *http.Request) error {
	reasons := a.node.ailments(time.Now())
	status := http.StatusOK
	if len(reasons) > 0 {
		status = http.StatusServiceUnavailable
	}
	answerJSON(w, status, map[string]any{"healthy": len(reasons) == 0, "height": a.node.Height(), "reasons": reasons})
	return nil
}

// ailments lists why the node is of no use now, nothing when it is.
func (n *Node) ailments(now time.Time) []string {
	reasons := []string{}
	select {
	case <-n.failed:
		reasons = append(reasons, n.failure.Error())
	default:
	}
	if err := n.keeper.ailment(); err != nil {
		reasons = append(reasons, err.Error())
	}
	if n.chain.catchingUp() {
		reasons = append(reasons, fmt.Sprintf("catching up: at height %d", n.Height()))
	}
	last := n.chain.lastHeaderTime()
	switch age := now.Sub(last); {
	case last.IsZero():
		reasons = append(reasons, "no block yet")
	case age > silence:
		reasons = append(reasons, fmt.Sprintf("the newest block is %s old", age.Round(time.Second)))
	case age < -blockTimeTolerance:
		reasons = append(reasons, fmt.Sprintf("this machine's clock is %s behind the newest block", (-age).Round(time.Second)))
	}
	if len(n.cfg.P2P.PersistentPeers) > 0 && n.chain.peers() == 0 {
		reasons = append(reasons, "no peer is connected: "+strings.Join(n.cfg.P2P.PersistentPeers, ", "))
	}
	return reasons
}
