package sim

// History is every decided block of a run, with the app hash after it.
type History struct {
	ChainID string
	Genesis []byte
	Blocks  []HistoryBlock
}

// HistoryBlock is one of them. Unix is its time in seconds.
type HistoryBlock struct {
	Unix    int64
	Txs     [][]byte
	AppHash []byte
}

func (h *History) begin(chainID string, genesis []byte) { h.ChainID, h.Genesis = chainID, genesis }

func (h *History) add(unix int64, txs [][]byte, appHash []byte) {
	h.Blocks = append(h.Blocks, HistoryBlock{Unix: unix, Txs: txs, AppHash: appHash})
}
