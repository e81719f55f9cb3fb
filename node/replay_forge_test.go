package node

import (
	"context"
	"slices"
	"testing"
	"time"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// told is a history out of somebody's mouth.
type told struct {
	first   []byte
	records []*blockRecord
	commit  []byte
}

func (s *told) genesis() ([]byte, error)   { return s.first, nil }
func (s *told) last() int64                { return int64(len(s.records)) }
func (s *told) close() error               { return nil }
func (s *told) seal(int64) ([]byte, error) { return s.commit, nil }
func (s *told) replay(t testing.TB) (*Replayed, error) {
	t.Helper()
	r := &replayer{options: ReplayOptions{Scratch: t.TempDir(), CacheBytes: minCacheBytes}, source: s, until: s.last()}
	return r.replay(t.Context())
}

func (s *told) each(_ context.Context, from, to int64, emit func(*blockRecord) error) error {
	for _, r := range s.records[from-1 : to] {
		if err := emit(r); err != nil {
			return err
		}
	}
	return nil
}

// tells is what a maker made.
func (m *maker) tells() *told {
	m.t.Helper()
	commit, err := m.last.ToProto().Marshal()
	require.NoError(m.t, err)
	return &told{m.genesis, slices.Clone(m.records), commit}
}

// reblock alters the block of a height, and nothing that follows from it.
func (s *told) reblock(t testing.TB, height int64, alter func(b *cmtproto.Block)) {
	t.Helper()
	var p cmtproto.Block
	r := *s.records[height-1]
	require.NoError(t, p.Unmarshal(r.block))
	alter(&p)
	var err error
	r.block, err = p.Marshal()
	require.NoError(t, err)
	s.records[height-1] = &r
}

// A block, a commit or a transaction that was forged is refused, each for what it is.
func TestForgedHistories(t *testing.T) {
	m := standard(t)
	last := m.height()
	defer m.close()
	_, err := m.tells().replay(t)
	require.NoError(t, err)
	const h = 9 // after a change of validators
	recommit := func(p *cmtproto.Block, alter func(c *cmttypes.Commit)) {
		c, err := cmttypes.CommitFromProto(p.LastCommit)
		require.NoError(t, err)
		c = c.Clone()
		alter(c)
		p.LastCommit = c.ToProto()
		p.Header.LastCommitHash = c.Hash()
	}
	for name, c := range map[string]struct {
		err   error
		block string // whose fault it is
		forge func(s *told)
	}{
		"a transaction altered": {ErrBlockMalformed, "block 4:", func(s *told) {
			s.reblock(t, 4, func(p *cmtproto.Block) { p.Data.Txs[0][10] ^= 1 })
		}},
		"a transaction left out": {ErrBlockMalformed, "block 4:", func(s *told) {
			s.reblock(t, 4, func(p *cmtproto.Block) { p.Data.Txs = p.Data.Txs[:1] })
		}},
		"transactions in another order": {ErrBlockMalformed, "block 4:", func(s *told) {
			s.reblock(t, 4, func(p *cmtproto.Block) { p.Data.Txs[0], p.Data.Txs[1] = p.Data.Txs[1], p.Data.Txs[0] })
		}},
		"a transaction altered with the header": {ErrBlockLink, "block 5:", func(s *told) {
			s.reblock(t, 4, func(p *cmtproto.Block) {
				p.Data.Txs = p.Data.Txs[:1]
				p.Header.DataHash = cmttypes.Txs{p.Data.Txs[0]}.Hash()
			})
			s.records[3].known = false
		}},
		"no block":         {ErrBlockMalformed, "block 4:", func(s *told) { r := *s.records[3]; r.block = []byte{1, 2, 3}; s.records[3] = &r }},
		"a block twice":    {ErrBlockOrder, "block 4:", func(s *told) { r := *s.records[2]; r.height = 4; s.records[3] = &r }},
		"another height":   {ErrBlockOrder, "block 9:", func(s *told) { s.reblock(t, h, func(p *cmtproto.Block) { p.Header.Height++ }) }},
		"another chain":    {ErrBlockChain, "block 9:", func(s *told) { s.reblock(t, h, func(p *cmtproto.Block) { p.Header.ChainID = "replay-tess" }) }},
		"another protocol": {ErrBlockMalformed, "block 9:", func(s *told) { s.reblock(t, h, func(p *cmtproto.Block) { p.Header.Version.Block++ }) }},
		"after another block": {ErrBlockLink, "block 9:", func(s *told) {
			s.reblock(t, h, func(p *cmtproto.Block) { p.Header.LastBlockId.Hash[3] ^= 1 })
		}},
		"other parts of the block before": {ErrBlockLink, "block 9:", func(s *told) {
			s.reblock(t, h, func(p *cmtproto.Block) { p.Header.LastBlockId.PartSetHeader.Hash[3] ^= 1 })
		}},
		"another time": {ErrBlockTime, "block 9:", func(s *told) {
			s.reblock(t, h, func(p *cmtproto.Block) { p.Header.Time = p.Header.Time.Add(time.Nanosecond) })
		}},
		"another time of the genesis": {ErrBlockTime, "block 1:", func(s *told) {
			s.reblock(t, 1, func(p *cmtproto.Block) { p.Header.Time = p.Header.Time.Add(time.Second) })
		}},
		"other validators": {ErrBlockValidators, "block 9:", func(s *told) {
			s.reblock(t, h, func(p *cmtproto.Block) { p.Header.ValidatorsHash[3] ^= 1 })
		}},
		"a proposer from nowhere": {ErrBlockProposer, "block 9:", func(s *told) {
			s.reblock(t, h, func(p *cmtproto.Block) { p.Header.ProposerAddress[3] ^= 1 })
		}},
		"another app hash": {ErrBlockLink, "block 10:", func(s *told) { // the header is not signed so: it decides nothing
			s.reblock(t, h, func(p *cmtproto.Block) { p.Header.AppHash[3] ^= 1 })
		}},
		"another app hash in the newest header": {ErrCommit, "", func(s *told) {
			s.reblock(t, last, func(p *cmtproto.Block) { p.Header.AppHash[3] ^= 1 })
		}},
		"other results in the newest header": {ErrCommit, "", func(s *told) {
			s.reblock(t, last, func(p *cmtproto.Block) { p.Header.LastResultsHash[3] ^= 1 })
		}},
		"a commit that its header does not name": {ErrBlockMalformed, "block 9:", func(s *told) {
			s.reblock(t, h, func(p *cmtproto.Block) { p.LastCommit.Signatures[0].Signature[3] ^= 1 })
		}},
		"a signature altered": {ErrCommit, "block 8:", func(s *told) {
			s.reblock(t, h, func(p *cmtproto.Block) { recommit(p, func(c *cmttypes.Commit) { c.Signatures[0].Signature[3] ^= 1 }) })
		}},
		"too few signatures": {ErrCommit, "block 8:", func(s *told) {
			s.reblock(t, h, func(p *cmtproto.Block) {
				recommit(p, func(c *cmttypes.Commit) { c.Signatures[0] = cmttypes.NewCommitSigAbsent() }) // one is absent anyway
			})
		}},
		"a signature twice": {ErrCommit, "block 8:", func(s *told) {
			s.reblock(t, h, func(p *cmtproto.Block) { recommit(p, func(c *cmttypes.Commit) { c.Signatures[2] = c.Signatures[1] }) })
		}},
		"a place too many": {ErrCommit, "block 9:", func(s *told) {
			s.reblock(t, h, func(p *cmtproto.Block) {
				recommit(p, func(c *cmttypes.Commit) { c.Signatures = append(c.Signatures, cmttypes.NewCommitSigAbsent()) })
			})
		}},
		"a commit of another height": {ErrCommit, "block 8:", func(s *told) {
			s.reblock(t, h, func(p *cmtproto.Block) { recommit(p, func(c *cmttypes.Commit) { c.Height-- }) })
		}},
		"a commit on another block": {ErrCommit, "block 8:", func(s *told) {
			s.reblock(t, h, func(p *cmtproto.Block) { recommit(p, func(c *cmttypes.Commit) { c.BlockID.Hash[3] ^= 1 }) })
		}},
		"a commit in the first block": {ErrCommit, "block 1:", func(s *told) {
			s.reblock(t, 1, func(p *cmtproto.Block) {
				c := m.commit(m.chain.LastBlockID, 1, time.Unix(makerUnix, 0), m.chain.Validators)
				p.LastCommit, p.Header.LastCommitHash = c.ToProto(), c.Hash()
			})
		}},
		"another seal": {ErrCommit, "", func(s *told) { s.commit = slices.Clone(s.commit); s.commit[len(s.commit)-3] ^= 1 }},
		"no seal":      {ErrCommit, "", func(s *told) { s.commit = nil }},
		"results of fewer transactions": {ErrBlockMalformed, "block 4:", func(s *told) {
			r := *s.records[3]
			r.results = r.results[:1]
			s.records[3] = &r
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := m.tells()
			c.forge(s)
			_, err := s.replay(t)
			require.ErrorIs(t, err, c.err)
			require.ErrorContains(t, err, c.block)
			for _, other := range []error{ErrBlockMalformed, ErrBlockOrder, ErrBlockChain, ErrBlockLink, ErrBlockTime, ErrBlockValidators,
				ErrBlockProposer, ErrCommit, ErrTransaction} {
				if other != c.err {
					require.NotErrorIs(t, err, other)
				}
			}
		})
	}
}

// Validators who conspire can sign what they like; they cannot make it true. Every case is signed by all of them.
func TestConspiracies(t *testing.T) {
	begin := func() *maker {
		m := newMaker(t, 4)
		m.block()
		m.register(2)
		return m
	}
	t.Run("a transaction with a bad signature", func(t *testing.T) {
		m := begin()
		raw := m.tx("platform", m.order("o", 1))
		forged, err := types.Decode(raw)
		require.NoError(t, err)
		forged.Signed.Signature[5] ^= 1
		raw, err = forged.Signed.Marshal()
		require.NoError(t, err)
		m.block(m.tx("platform", m.order("p", 1)), raw)
		m.block()
		defer m.close()
		_, err = m.tells().replay(t)
		require.ErrorIs(t, err, ErrTransaction)
		require.ErrorContains(t, err, "block 4:")
		require.ErrorContains(t, err, "transaction 1:")
		code, _ := types.CodeOf(err)
		require.Equal(t, types.Code_signature_invalid, code)
	})
	t.Run("a transaction that does not decode", func(t *testing.T) {
		m := begin()
		m.block([]byte("no transaction"))
		m.block()
		defer m.close()
		_, err := m.tells().replay(t)
		require.ErrorIs(t, err, ErrTransaction)
		require.ErrorContains(t, err, "block 4: ")
	})
	t.Run("blocks signed by validators who were voted out", func(t *testing.T) {
		m := begin()
		before := m.chain.Validators.Copy()
		m.accepted(m.tx("council", &types.Propose{Id: "in", Action: &types.Propose_Validator{
			Validator: &types.ChangeValidator{PublicKey: consensusKey(4).PubKey().Bytes(), Power: 10, Member: "op-4"}}}))
		m.block()
		made, err := m.chain.MakeBlock(m.height()+1, nil, m.last, nil, m.chain.Validators.GetProposer().Address)
		require.NoError(t, err)
		require.NotEqual(t, before.Hash(), m.chain.Validators.Hash())
		m.take(made, before)
		s := m.tells()
		defer m.close()
		_, err = s.replay(t)
		require.ErrorIs(t, err, ErrCommit)
		require.ErrorContains(t, err, "block 6:")
	})
	t.Run("another app hash", func(t *testing.T) {
		m := begin()
		m.block()
		m.chain.AppHash = slices.Clone(m.chain.AppHash)
		m.chain.AppHash[0] ^= 1
		m.block()
		m.block()
		defer m.close()
		done, err := m.tells().replay(t)
		require.NoError(t, err)
		require.Equal(t, int64(4), done.Report.Divergence.Height)
		require.Equal(t, []string{sameAppHash}, done.Report.Divergence.Differs)
		require.Nil(t, done.Report.Divergence.Transaction)
	})
	t.Run("another genesis", func(t *testing.T) {
		m := newMaker(t, 4)
		m.chain.AppHash = slices.Clone(m.chain.AppHash)
		m.chain.AppHash[0] ^= 1
		m.block()
		m.block()
		defer m.close()
		done, err := m.tells().replay(t)
		require.NoError(t, err)
		require.Equal(t, int64(0), done.Report.Divergence.Height)
		require.Equal(t, int64(1), done.Report.Divergence.HeaderHeight)
	})
	t.Run("a validator of their own", func(t *testing.T) {
		m := begin()
		next := m.chain.NextValidators.Copy()
		require.NoError(t, next.UpdateWithChangeSet([]*cmttypes.Validator{cmttypes.NewValidator(consensusKey(5).PubKey(), 50)}))
		m.chain.NextValidators = next
		m.block()
		m.block()
		m.block()
		defer m.close()
		done, err := m.tells().replay(t)
		require.NoError(t, err)
		require.Equal(t, int64(3), done.Report.Divergence.Height)
		require.Equal(t, []string{sameValidator}, done.Report.Divergence.Differs)
	})
}
