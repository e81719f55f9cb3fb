package node

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// A history with an upgrade is replayed by a program that knows the new rules; headers carry the version from then on. One
// that does not know them says so at that block, and has verified all before it.
func TestReplayOfAnUpgrade(t *testing.T) {
	const upgraded = 7
	m := newMakerOf(t, 4, 2)
	m.block()
	m.register(2)
	m.accepted(m.tx("council", &types.Propose{Id: "two", Action: &types.Propose_Upgrade{
		Upgrade: &types.PlanUpgrade{AppVersion: 2, Height: upgraded, BinaryDigest: bytes.Repeat([]byte{0xab}, 32)}}}))
	for m.height() < upgraded+4 {
		require.Equal(t, m.height() >= upgraded, m.chain.Version.Consensus.App == 2)
		m.accepted(m.tx("platform", m.order("o"+string(rune('a'+m.height())), 100)))
	}
	last := m.height()
	home := m.close()
	archive, _ := exported(t, home)
	for _, from := range []string{home, archive} {
		h, err := openSource(t.Context(), from, quiet())
		require.NoError(t, err)
		for _, version := range []uint64{2, types.AppVersion} {
			r := &replayer{options: ReplayOptions{Scratch: t.TempDir(), CacheBytes: minCacheBytes}, source: h, until: last, rules: version}
			done, err := r.replay(t.Context())
			if version == 2 {
				require.NoError(t, err)
				require.Nil(t, done.Report.Divergence)
				require.Equal(t, last, done.Report.Last)
				require.Equal(t, hexBytes(m.hashes[last-1]), done.Report.AppHash)
				continue
			}
			require.ErrorContains(t, err, "UPGRADE NEEDED: block 7 runs by version 2 of the rules")
			require.Equal(t, int64(upgraded-1), r.done.Report.Last)
		}
		require.NoError(t, h.close())
	}
	short := replayOf(t, ReplayOptions{From: home, Until: upgraded - 1})
	require.Nil(t, short.Report.Divergence, "up to there any program replays it")
	require.Equal(t, hexBytes(m.hashes[upgraded-2]), short.Report.AppHash)
}

// Headers that carry another version than the council decided are found.
func TestReplayFindsAWrongVersion(t *testing.T) {
	m := newMaker(t, 4)
	m.block()
	m.register(2)
	m.chain.Version.Consensus.App = 3
	m.block()
	m.block()
	d := replayOf(t, ReplayOptions{From: m.close()}).Report.Divergence
	require.NotNil(t, d)
	require.Equal(t, int64(3), d.Height)
	require.Equal(t, []string{sameAppVersion}, d.Differs)
}
