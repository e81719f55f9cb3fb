package app

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// FuzzTransaction gives any bytes to the ingress, to a proposal and to a block: nothing panics, the three agree, and what
// does not authenticate changes nothing. It begins with one transaction for each code of authentication and a good one.
func FuzzTransaction(f *testing.F) {
	a := newAuthentication(f)
	seeds := 0
	for code := types.Code_tx_too_large; code <= types.Code_signature_invalid; code++ {
		if raw := a.cases[code]; raw != nil {
			f.Add(raw)
			seeds++
		}
	}
	f.Add(a.good(0))
	if seeds < 20 {
		f.Fatalf("%d seeds", seeds)
	}
	empty := a.finalize(nil).AppHash
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := &replica{App: a.App, t: t, w: a.w, unix: a.unix}
		admission := r.Submit(context.Background(), [][]byte{raw})[0]
		good := r.process([][]byte{raw})
		res := r.finalize([][]byte{raw})
		require.Equal(t, good, len(res.TxResults[0].Data) > 0, res.TxResults[0].Log)
		require.Equal(t, good, admission.Code == types.Code_ok || admission.Code == types.NodeCodeDuplicate || admission.Code == types.NodeCodeQuota, admission.Detail)
		if !good {
			require.Equal(t, empty, res.AppHash)
			require.Equal(t, admission.Code.String(), types.Code(res.TxResults[0].Code).String())
		}
	})
}
