package ledger

import (
	"tradecredit/types"
)

// correctAdverse: day, end and decision.
func correctAdverse(tx *Tx, c *correction) ([]byte, error) {
	return nil, types.Refuse(types.Code_not_correctable, "%s", c.key)
}

// correctPolicy: amount, term and paper.
func correctPolicy(tx *Tx, c *correction) ([]byte, error) {
	return nil, types.Refuse(types.Code_not_correctable, "%s", c.key)
}
