package node

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A replay of an honest node's home comes to the same app hash and results at every height, through changes of validators.
func TestReplayOfAHome(t *testing.T) {
	m := standard(t)
	home, last := m.close(), m.height()
	r := replayOf(t, ReplayOptions{From: home})
	require.Nil(t, r.Report.Divergence)
	require.Equal(t, replayMatch, r.Report.Result)
	require.Equal(t, last, r.Report.Last)
	require.Equal(t, last-1, r.Report.CertifiedHeight)
	require.Equal(t, hexBytes(m.hashes[last-1]), r.Report.AppHash)
	require.Equal(t, hexBytes(m.hashes[last-2]), r.Report.CertifiedAppHash)
	require.Equal(t, int64(2), r.Report.ValidatorChanges)
	require.Equal(t, int64(27), r.Report.Records)
	for until := int64(1); until <= last; until++ {
		r := replayOf(t, ReplayOptions{From: home, Until: until})
		require.Equal(t, hexBytes(m.hashes[until-1]), r.Report.AppHash)
		require.Equal(t, min(until, last-1), r.Report.CertifiedHeight)
	}
}
