package ledger

import "tradecredit/types"

// PublishCodes: not written yet.

func checkPublishCodes(m *types.PublishCodes) error { return nil }

func publishCodes(tx *Tx, m *types.PublishCodes) error {
	return types.Refuse(types.Code_inconsistent_state, "publish_codes is not written yet")
}
