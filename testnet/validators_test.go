package testnet

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/stretchr/testify/require"

	"tradecredit/client"
	"tradecredit/node"
	"tradecredit/types"
)

// council is a network of processes whose seats vote, and a node more than it has validators.
type council struct {
	t     *testing.T
	net   *Network
	work  *Workload
	nodes []*Process
	fifth []byte // consensus key of the last node
}

// TestValidatorsByVote: the council votes in a fifth validator, which runs as a full node until then, and it signs blocks;
// it gives it more power, and votes out one of the first four, which signs no more. Light clients follow.
func TestValidatorsByVote(t *testing.T) {
	c := newCouncil(t)
	reader := c.reader()
	require.Len(t, c.proven(reader).Validators, 4)

	c.decide("fifth", "op-4", &types.ChangeValidator{PublicKey: c.fifth, Power: 10, Member: "op-4"})
	joined := c.signs(c.fifth, true, c.height()+1)
	require.Len(t, c.proven(reader).Validators, 5)

	c.decide("stronger", "op-4", &types.ChangeValidator{PublicKey: c.fifth, Power: 13, Member: "op-4"})
	first := c.validatorKey(3)
	c.decide("out", "op-3", &types.ChangeValidator{PublicKey: first})
	left := c.signs(first, false, c.height()+1)
	t.Logf("the fifth signed block %d; the fourth was not asked for block %d", joined, left)

	rows := c.proven(reader).Validators
	require.Len(t, rows, 4)
	powers := map[string]int64{}
	for _, v := range rows {
		powers[v.Member] = v.Power
	}
	require.Equal(t, map[string]int64{"op-0": 10, "op-1": 10, "op-2": 10, "op-4": 13}, powers)

	// Without two of the first four nothing would be decided if the fifth did not count: 23 of 43 are no two thirds, 33 are.
	require.NoError(t, c.nodes[3].Kill())
	require.NoError(t, c.nodes[2].Kill())
	from := c.height()
	eventually(t, "blocks without two of the first four", func() (bool, string) { h := c.height(); return h > from+5, fmt.Sprint(h) })
}

func newCouncil(t *testing.T) *council {
	ledgerd := program(t, "ledgerd")
	var seats []Seat
	for i := range 5 {
		seats = append(seats, Seat{ID: fmt.Sprintf("op-%d", i), Jurisdiction: "CN", Roles: []types.Role{types.Role_COUNCIL, types.Role_OPERATOR}})
	}
	n, err := Make(Plan{
		Dir: t.TempDir(), ChainID: "council", BaseCurrency: "CNY", Validators: 4, Seats: seats, Notice: "test",
		Tweak: func(_ int, cfg *node.Config) { cfg.P2P.MaxInbound = 4 }, // the fifth is in nobody's list
	})
	require.NoError(t, err)
	c := &council{t: t, net: n, work: &Workload{Net: n, Unix: time.Now().Unix()}}
	c.join()
	for _, cfg := range n.Configs {
		p, err := StartProcess(ledgerd, cfg)
		require.NoError(t, err)
		c.nodes = append(c.nodes, p)
		t.Cleanup(func() { _ = p.Kill() })
	}
	for _, p := range c.nodes {
		require.NoError(t, p.Ready(within(t, patience)))
	}
	return c
}

// join makes the home of a node that the genesis does not know.
func (c *council) join() {
	_, id := addHome(c.t, c.net)
	c.fifth = id.ValidatorKey
}

// decide proposes a change and has everybody vote for it whose group it does not touch, until it is carried out.
func (c *council) decide(id, touched string, a *types.ChangeValidator) {
	c.t.Helper()
	var seats []string
	for i := range 5 {
		if seat := fmt.Sprintf("op-%d", i); seat != touched {
			seats = append(seats, seat)
		}
	}
	c.post(seats[0], &types.Propose{Id: id, Action: &types.Propose_Validator{Validator: a}})
	for _, seat := range seats[1:3] { // three of four
		c.post(seat, &types.Vote{Proposal: seats[0] + "/" + id, Approve: true})
	}
}

func (c *council) post(seat string, m types.Msg) {
	c.t.Helper()
	raw, err := c.work.Sign(seat, types.Role_COUNCIL, []*types.Message{types.Wrap("", m)})
	require.NoError(c.t, err)
	require.NoError(c.t, Post(within(c.t, patience), c.net.Configs[0].API.Laddr, [][]byte{raw}))
}

func (c *council) height() int64 {
	s, err := statusAt(within(c.t, patience), c.net.Configs[0].API.Laddr)
	require.NoError(c.t, err)
	return s.Height
}

// signs waits for the first block from a height on that a validator signed, or was not asked to sign.
func (c *council) signs(key []byte, yes bool, from int64) int64 {
	c.t.Helper()
	address := strings.ToUpper(hex.EncodeToString(ed25519.PubKey(key).Address()))
	height := from
	eventually(c.t, "the validators of a block", func() (bool, string) {
		found, signed, err := c.commit(height, address)
		if err != nil {
			return false, err.Error()
		}
		if yes && signed || !yes && !found {
			return true, ""
		}
		height++
		return false, fmt.Sprintf("block %d: asked %t, signed %t", height-1, found, signed)
	})
	require.Less(c.t, height, from+50, "a change takes two blocks")
	return height
}

// commit tells whether a validator stood in the set of a block, and whether it signed.
func (c *council) commit(height int64, address string) (found, signed bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var set struct {
		Result struct {
			Validators []struct{ Address string }
		}
		Error *struct{ Data string }
	}
	if err := c.rpc(ctx, fmt.Sprintf("validators?height=%d&per_page=100", height), &set); err != nil || set.Error != nil {
		return false, false, fmt.Errorf("%v %v", err, set.Error)
	}
	for _, v := range set.Result.Validators {
		found = found || v.Address == address
	}
	var commit struct {
		Result struct {
			SignedHeader struct {
				Commit struct {
					Signatures []struct {
						Flag    int    `json:"block_id_flag"`
						Address string `json:"validator_address"`
					}
				}
			} `json:"signed_header"`
		}
		Error *struct{ Data string }
	}
	if err := c.rpc(ctx, fmt.Sprintf("commit?height=%d", height), &commit); err != nil || commit.Error != nil {
		return false, false, fmt.Errorf("%v %v", err, commit.Error)
	}
	const committed = 2
	for _, s := range commit.Result.SignedHeader.Commit.Signatures {
		signed = signed || s.Address == address && s.Flag == committed
	}
	return found, signed, nil
}

func (c *council) rpc(ctx context.Context, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.net.Configs[0].RPC.Laddr+"/"+path, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return json.NewDecoder(res.Body).Decode(into)
}

// reader is a light client that begins at the genesis.
func (c *council) reader() *client.Client {
	trust, err := client.TrustFromGenesis(c.net.Genesis, time.Now(), 0)
	require.NoError(c.t, err)
	reader, err := client.New(client.Config{
		Endpoints: []string{"http://" + c.net.Configs[0].API.Laddr}, Trust: trust, RetryFor: patience,
	})
	require.NoError(c.t, err)
	return reader
}

// proven is the leaf of the validators as a light client proves it.
func (c *council) proven(reader *client.Client) *types.ValidatorSet {
	c.t.Helper()
	set, _, err := client.Get(within(c.t, patience), reader, types.ValidatorsKey, client.GetOptions{MinHeight: c.height() - 1, Patience: patience})
	require.NoError(c.t, err)
	require.NotNil(c.t, set)
	return set
}

// validatorKey is the consensus key of node i, as the genesis lists it.
func (c *council) validatorKey(i int) []byte {
	for _, v := range c.net.State.Validators {
		if v.Member == fmt.Sprintf("op-%d", i) {
			return v.PublicKey
		}
	}
	require.Fail(c.t, "no such validator")
	return nil
}
