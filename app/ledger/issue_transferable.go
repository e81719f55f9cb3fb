package ledger

import "tradecredit/types"

// IssueTransferable: not written yet.

func checkIssueTransferable(m *types.IssueTransferable) error { return nil }

func issueTransferable(tx *Tx, m *types.IssueTransferable) error {
	return types.Refuse(types.Code_inconsistent_state, "issue_transferable is not written yet")
}
