package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/testnet/model"
	"tradecredit/types"
)

const scriptChain = "script-1"

// world is a network of one node in a test: a store, a clock, and everybody's secrets.
type world struct {
	t       testing.TB
	db      *state.DB
	unix    int64 // of the last block
	height  int64
	stats   BeginStats
	sent    int
	log     []posted                     // every row of every log
	secrets map[string]*types.SigningKey // by public key in hex
	genesis *types.Genesis
	model   *model.Model // nil: nobody predicts
	lost    string       // why it predicts no more
	probe   *probe       // nil: nobody asks
}

// newWorld begins a network with members from lines "id group ROLE,ROLE [power]", ascending by id. A power makes the member
// a validator, with the key <id>/validator.
func newWorld(t testing.TB, cast, base, notice string) *world {
	db, err := state.Open(t.TempDir(), state.Options{CheckpointEvery: -1, CacheBytes: 8 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	w := &world{t: t, db: db, unix: scriptStart, secrets: map[string]*types.SigningKey{}}
	g := &types.Genesis{BaseCurrency: base, Notice: notice, Members: w.cast(cast)}
	for line := range strings.Lines(strings.TrimSpace(cast)) {
		if f := strings.Fields(line); len(f) == 4 {
			g.Validators = append(g.Validators, types.GenesisValidator{
				PublicKey: w.secret(f[0], "validator").PublicKey(), Power: w.integer("power", "", f[3]), Member: f[0],
			})
		}
	}
	slices.SortFunc(g.Validators, func(a, b types.GenesisValidator) int { return bytes.Compare(a.PublicKey, b.PublicKey) })
	w.genesis = g
	view := db.View()
	batch := state.NewBatch(view)
	require.NoError(t, InitChain(batch, g, scriptChain, scriptStart))
	w.commit(view, batch)
	return w
}

func (w *world) cast(text string) (out []types.GenesisMember) {
	for line := range strings.Lines(strings.TrimSpace(text)) {
		f := strings.Fields(line)
		require.Contains(w.t, []int{3, 4}, len(f), "id group ROLE,ROLE [power]")
		m := types.GenesisMember{ID: f[0], ControlGroup: f[1], Jurisdiction: "DE", NameDigest: digestOf(f[0])}
		for name := range strings.SplitSeq(f[2], ",") {
			role, ok := types.Role_value[name]
			require.True(w.t, ok, name)
			m.Roles = append(m.Roles, types.Role(role))
			key := types.GenesisKey{ID: strings.ToLower(name), Role: types.Role(role), Algorithm: types.Algorithm_ED25519}
			key.PublicKey = w.secret(f[0], key.ID).PublicKey()
			m.Keys = append(m.Keys, key)
		}
		slices.SortFunc(m.Keys, func(a, b types.GenesisKey) int { return strings.Compare(a.ID, b.ID) })
		out = append(out, m)
	}
	return out
}

func digestOf(word string) []byte {
	d := sha256.Sum256([]byte(word))
	return d[:]
}

// secret is the signing key that holder and key id stand for, whether it is registered or not: SM2 if the id begins with
// sm2, else ed25519.
func (w *world) secret(holder, id string) *types.SigningKey {
	algorithm := types.Algorithm_ED25519
	if strings.HasPrefix(id, "sm2") {
		algorithm = types.Algorithm_SM2_SM3
	}
	k, err := types.NewSigningKeyFor(algorithm, digestOf("secret of "+holder+"/"+id))
	require.NoError(w.t, err)
	w.secrets[hex.EncodeToString(k.PublicKey())] = k
	return k
}

// commit makes a batch the next height.
func (w *world) commit(view *state.View, batch *state.Batch) {
	w.height++
	staged, err := w.db.Stage(w.height, batch)
	require.NoError(w.t, err)
	require.NoError(w.t, w.db.Apply(staged))
	require.NoError(w.t, view.Close())
}

func (w *world) today() int32 { return types.DayOf(w.unix, 0) }

// sent is a transaction on its way.
type sent struct {
	tx      *types.Tx
	refused error // by Decode
}

// message is one message as a script writes it.
type message struct {
	name string
	args []datadriven.CmdArg
}

// options are the arguments of a line that are no fields of the message.
var options = []string{"from", "for", "ref", "chain", "valid", "signature", "public", "atomic", "origin"}

// transaction makes and signs a transaction for the next block.
func (w *world) transaction(args []datadriven.CmdArg, messages ...message) sent {
	w.sent++
	holder, keyID, _ := strings.Cut(argument(args, "from", ""), "/")
	if strings.Contains(holder, ":") {
		i := strings.LastIndex(argument(args, "from", ""), "/")
		if holder, keyID = argument(args, "from", ""), "main"; i >= 0 {
			holder, keyID = holder[:i], holder[i+1:]
		}
	}
	body := &types.Body{
		ChainId: argument(args, "chain", scriptChain), Signer: holder, Key: keyID,
		Reference:      argument(args, "ref", fmt.Sprintf("reference-%06d", w.sent)),
		ValidUntilUnix: w.time(argument(args, "valid", "T+1h")), Atomic: has(args, "atomic"),
		Origin: &types.Origin{SourceSystem: argument(args, "origin", "script"), Jurisdiction: "DE", CollectedUnix: scriptStart},
	}
	for _, m := range messages {
		body.Messages = append(body.Messages, w.message(holder, m))
	}
	if keyID == "" {
		body.Key = w.fittingKey(holder, body.Messages[0])
	}
	secret := w.signer(holder, body.Key)
	if public := argument(args, "public", ""); public != "" {
		h, k, _ := strings.Cut(public, "/")
		secret = w.secret(h, k)
	}
	raw, err := types.Sign(body, secret)
	if err != nil { // it says what Decode would
		return sent{refused: err}
	}
	if argument(args, "signature", "") == "bad" {
		raw[len(raw)-1] ^= 1
	}
	tx, err := types.Decode(raw)
	return sent{tx, err}
}

// message builds a message from its fields.
func (w *world) message(holder string, m message) *types.Message {
	msg := types.NewMsg(m.name)
	for _, a := range m.args {
		if !slices.Contains(options, a.Key) {
			w.setField(msg, strings.Split(a.Key, "."), a.Vals)
		}
	}
	switch msg := msg.(type) {
	case *types.Propose:
		switch a := msg.Action.(type) {
		case *types.Propose_Admit:
			for _, k := range a.Admit.Keys {
				w.completeKey(a.Admit.Member, k)
			}
		case *types.Propose_RecoverKey:
			w.completeKey(a.RecoverKey.Holder, a.RecoverKey.NewKey)
		}
	case *types.RotateKey:
		w.completeKey(holder, msg.NewKey)
	case *types.RegisterEnterprise:
		w.completeKey(msg.Subject, msg.Key)
	}
	return types.Wrap(argument(m.args, "for", ""), msg)
}

// completeKey gives a new key what the script left out: algorithm, public key, proof of possession.
func (w *world) completeKey(holder string, k *types.NewKey) {
	if k == nil {
		return
	}
	if k.Algorithm == types.Algorithm_ALGORITHM_UNSPECIFIED {
		k.Algorithm = w.secret(holder, k.Id).Algorithm()
	}
	if k.PublicKey == nil {
		k.PublicKey = w.secret(holder, k.Id).PublicKey()
	}
	if secret := w.secrets[hex.EncodeToString(k.PublicKey)]; k.Possession == nil && secret != nil {
		k.Possession = secret.Sign(types.Possession(scriptChain, holder, k.Id, k.PublicKey))
	}
}

// fittingKey is the first of a member's keys whose role may sign the message, else any.
func (w *world) fittingKey(holder string, m *types.Message) string {
	view := w.db.View()
	defer func() { require.NoError(w.t, view.Close()) }()
	keys, err := keysOf(view, holder, noLimit)
	require.NoError(w.t, err)
	best := "none"
	if len(keys) > 0 {
		best = keys[0].Id
	}
	for i := len(keys) - 1; i >= 0; i-- {
		row := types.RowOf(m.Get())
		if _, ok := row.Permit(keys[i].Role, types.RelationOf(keys[i].Role, m.OnBehalfOf)); ok && live(keys[i], w.unix+1) {
			best = keys[i].Id
		}
	}
	return best
}

// signer is the secret of a key as it is registered, or would be.
func (w *world) signer(holder, id string) *types.SigningKey {
	view := w.db.View()
	defer func() { require.NoError(w.t, view.Close()) }()
	k, err := state.Get(view, types.KeyKey(holder, id))
	require.NoError(w.t, err)
	if k != nil {
		if secret := w.secrets[hex.EncodeToString(k.PublicKey)]; secret != nil {
			return secret
		}
	}
	return w.secret(holder, id)
}

// block delivers transactions in a block one second later and commits it. A transaction that is refused as a whole must
// leave nothing but its signer's usage and its reference.
func (w *world) block(txs []sent) ([]Result, string) {
	w.unix++
	view := w.db.View()
	prev := w.db.View()
	defer func() { require.NoError(w.t, prev.Close()) }()
	batch := state.NewBatch(view)
	b, err := NewBlock(batch, prev, w.height+1, w.unix)
	require.NoError(w.t, err)
	w.stats, err = b.Begin()
	require.NoError(w.t, err)
	w.predictBlock()
	var results []Result
	for i, s := range txs {
		if s.refused != nil {
			code, ok := types.CodeOf(s.refused)
			require.True(w.t, ok)
			w.predict(s, false, Result{Code: code})
			results = append(results, Result{Code: code, Detail: s.refused.Error()})
			continue
		}
		w.ask(b, s.tx)
		before := leaves(batch)
		verified := types.VerifySignature(s.tx.Signed.Algorithm, s.tx.Signed.PublicKey, types.SignBytes(s.tx.Signed.Body), s.tx.Signed.Signature)
		r, err := b.Deliver(s.tx, uint32(i), verified)
		require.NoError(w.t, err)
		w.predict(s, verified, r)
		if !slices.Contains(r.Codes, types.Code_ok) {
			require.Equal(w.t, before, leaves(batch), "a refusal changed the state")
		}
		results = append(results, r)
	}
	diff := w.diff(view, batch)
	w.audit(view, batch)
	w.commit(view, batch)
	w.predictState()
	return results, diff
}

// audit checks the invariants of the records, and compares all sums with a fold over all logs, written apart from the rules.
func (w *world) audit(view *state.View, batch *state.Batch) {
	grew := false
	for _, c := range batch.Changes() {
		subject, ok := strings.CutPrefix(c.Key, string(types.Subjects))
		if !ok {
			continue
		}
		old, err := view.Get(c.Key)
		require.NoError(w.t, err)
		var was, is types.SubjectHead
		require.NoError(w.t, was.Unmarshal(old))
		require.NoError(w.t, is.Unmarshal(c.Value))
		for n := was.Entries; n < is.Entries; n++ {
			row, err := batch.Entry(types.EntryLog(subject), n)
			require.NoError(w.t, err)
			p := posted{subject: subject, number: n}
			require.NoError(w.t, p.entry.Unmarshal(row))
			about(w.t, batch, &p)
			w.log, grew = append(w.log, p), true
		}
	}
	require.NoError(w.t, Audit(batch, w.unix))
	if !grew {
		return
	}
	want := naiveFold(w.log)
	sums := 0
	for _, prefix := range []string{string(types.Months), string(types.Pairs), string(types.Ranks)} {
		require.NoError(w.t, batch.Scan(prefix, func(key string, value []byte) error {
			require.Equal(w.t, describe(w.t, key, want.rows[key]), describe(w.t, key, value), key)
			sums++
			return nil
		}))
	}
	require.Len(w.t, want.rows, sums)
	for subject, head := range want.heads {
		stored, err := state.Get(batch, types.SubjectKey(subject))
		require.NoError(w.t, err)
		stored.Root, stored.Frontier = nil, nil
		require.Equal(w.t, head.String(), stored.String(), subject)
	}
}

// leaves are the changes of a batch that a refusal must not make.
func leaves(b *state.Batch) string {
	var out strings.Builder
	for _, c := range b.Changes() {
		if !strings.HasPrefix(c.Key, "usage/") {
			fmt.Fprintf(&out, "%s=%x\n", c.Key, c.Value)
		}
	}
	return out.String()
}

// begun tells what the last block's queues did.
func (w *world) begun() string {
	out := fmt.Sprintf("due=%d", w.stats.Due)
	if w.stats.Bad > 0 {
		out += fmt.Sprintf(" bad=%d", w.stats.Bad)
	}
	if w.stats.More {
		out += " more"
	}
	return out + "\n"
}
