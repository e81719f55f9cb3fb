package model

import (
	"strings"

	"tradecredit/types"
)

// blank clears what the model does not predict: the score itself, and what a row says about where its paper stands in the
// sums, which the model counts from the records instead.
func blank(record any) {
	switch x := record.(type) {
	case *types.Receipt:
		x.Model, x.ModelDigest, x.InputsDigest, x.Result, x.Simulation = "", nil, nil, nil, false
	case *types.RecordVersion:
		if x.CorrectedBy != nil && !strings.HasPrefix(x.Record, "enterprise/") {
			x.Value = nil // the whole old record, with what the model does not keep
		}
	case *types.Entry:
		x.First, x.Last, x.MonthWas, x.MonthNow, x.ClaimWas, x.ClaimNow = false, false, 0, 0, 0, 0
		x.OnTime = x.OnTime && x.Kind == types.EntryKind_ENTRY_DELIVERED
	}
}
