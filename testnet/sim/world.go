package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"

	"tradecredit/types"
)

// world is everybody who sends transactions, and what they know: their secrets, what they sent, and the committed state.
// It learns from results and from the state of a replica alone. Generators see the world and nothing else.
type world struct {
	rng      *rand.Rand
	counters *Counters
	mirror   *mirror

	genesis     *types.Genesis
	genesisJSON []byte
	validators  []abci.ValidatorUpdate
	traders     []trader
	secrets     map[string]*types.SigningKey // by public key, hex

	height      int64
	before, now time.Time                                            // of the newest block, and of the one that is being made
	generators  []*generator                                         // of the messages that are sent at all
	weight      int                                                  // of them together
	watch       func(int64, *types.Body, *types.Message, types.Code) // nil: nobody
	serial      int
	sent        map[types.Hash]*letter // by the hash of the bytes
	letters     []*letter              // those that stood in a block, the last few
	said        map[string][]act       // by message name, the last few
}

// letter is a transaction on its way.
type letter struct {
	body *types.Body
	raw  []byte
}

const (
	keepLetters = 200
	keepActs    = 24
)

func newWorld(c Config, counters *Counters) *world {
	w := &world{
		rng: source(c.Seed, "world"), counters: counters, watch: c.Watch, mirror: newMirror(), traders: traders(),
		secrets: map[string]*types.SigningKey{}, sent: map[types.Hash]*letter{}, said: map[string][]act{},
	}
	for i := range generators {
		if c.Says == nil || c.Says(generators[i].message) {
			w.generators = append(w.generators, &generators[i])
			w.weight += generators[i].weight
		}
	}
	w.found()
	return w
}

// sm2Key begins the ids of keys that sign with SM2 and SM3.
const sm2Key = "sm-"

// secret is the signing key that a holder keeps under an id; it exists before anybody registers it.
func (w *world) secret(holder, id string) *types.SigningKey {
	seed := sha256.Sum256([]byte("sim secret of " + holder + "/" + id))
	algorithm := types.Algorithm_ED25519
	if strings.HasPrefix(id, sm2Key) {
		algorithm = types.Algorithm_SM2_SM3
	}
	k, err := types.NewSigningKeyFor(algorithm, seed[:])
	if err != nil {
		panic(err) // 32 bytes of a digest
	}
	w.secrets[hex.EncodeToString(k.PublicKey())] = k
	return k
}

// begin is the start of a height: what is sent now is for the block of that time.
func (w *world) begin(height int64, before, now time.Time) {
	w.height, w.before, w.now = height, before, now
}

// today is D of the block that is being made.
func (w *world) today() int32 { return today(w.now, w.genesis.DayOffsetS) }

// learn reads what a block's transactions came to, and what the block changed.
func (w *world) learn(r *replica, txs [][]byte, outcome *abci.ResponseFinalizeBlock) error {
	for i, raw := range txs {
		if err := w.hear(raw, outcome.TxResults[i]); err != nil {
			return err
		}
	}
	if err := w.follow(r.db, w.height); err != nil {
		return err
	}
	is, was := w.today(), today(w.before, w.genesis.DayOffsetS)
	if types.MonthOf(is) != types.MonthOf(was) {
		w.counters.hit(monthChanged)
	}
	if text := types.FormatDay(is); text[4:] == "-02-29" {
		w.counters.hit(leapDay)
	}
	return nil
}

// hear counts the codes of one transaction.
func (w *world) hear(raw []byte, res *abci.ExecTxResult) error {
	codes, err := types.DecodeCodes(res.Data)
	if err != nil {
		return err
	}
	l := w.sent[sha256.Sum256(raw)]
	if len(codes) == 0 { // it did not authenticate
		w.counters.hit(code(types.Code(res.Code)))
		return nil
	}
	if l == nil {
		return fmt.Errorf("a transaction of nobody was accepted: %x", raw)
	}
	if len(codes) != len(l.body.Messages) {
		return fmt.Errorf("%d codes of %d messages", len(codes), len(l.body.Messages))
	}
	for i, c := range codes {
		name := types.RowOf(l.body.Messages[i].Get()).Name
		w.counters.hit(code(c))
		if w.watch != nil {
			w.watch(w.height, l.body, l.body.Messages[i], c)
		}
		if c == types.Code_ok {
			w.counters.hit(accepted(name))
		} else {
			w.counters.hit(refused(name))
			w.counters.hit(name + " " + c.String())
		}
	}
	if l.body.Atomic && types.Code(res.Code) != types.Code_ok {
		for _, c := range codes {
			if c == types.Code_rolled_back {
				w.counters.hit(rolledBack)
				break
			}
		}
	}
	if len(codes) >= 100 {
		w.counters.hit(largeBatch)
	}
	w.letters = append(w.letters, l)
	if len(w.letters) > keepLetters {
		w.letters = w.letters[1:]
	}
	return nil
}

// admitted counts what a node's gate answered.
func (w *world) admitted(c uint32) { w.counters.hit(atTheGate(types.Code(c))) }
