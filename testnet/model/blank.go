package model

import "tradecredit/types"

// blank clears what the model does not predict.
func blank(record any) {
	if x, ok := record.(*types.Receipt); ok {
		x.Model, x.ModelDigest, x.InputsDigest, x.Result, x.Simulation = "", nil, nil, nil, false
	}
}
