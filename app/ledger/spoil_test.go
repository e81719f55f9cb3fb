package ledger

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// spoiledInTest and spoiledInSoak are how many spoiled variants of each message of a script are asked.
const (
	spoiledInTest = 12
	spoiledInSoak = 400
)

// TestModelPredictsSpoiledScripts asks rules and model, before each message of a script, what they would say to it with one
// to three fields spoiled: which of several faults is named, in the states that the scripts lead to. Nothing of it stays.
func TestModelPredictsSpoiledScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	n := spoiledInTest
	if os.Getenv("SOAK") != "" {
		n = spoiledInSoak
	}
	asked, codes := 0, map[types.Code]int{}
	for i, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			p := &probe{variants: n, rng: rand.New(rand.NewPCG(uint64(i), 1)), codes: codes}
			s := &script{t: t, macros: map[string]string{}, predict: true, probe: p}
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				s.t = t
				s.run(d)
				return d.Expected
			})
			s.t = t
			s.kept() // what is asked leaves the model as it was
			require.Empty(t, p.differ)
			asked += p.asked
		})
	}
	t.Logf("%d spoiled messages, %d codes", asked, len(codes))
	require.Greater(t, codes[types.Code_ok]*20, asked, "most variants are refused, but not nearly all")
	require.Greater(t, len(codes), 150)
}

// probe asks spoiled variants of messages. It remembers what messages say, to say it in other places.
type probe struct {
	rng      *rand.Rand
	variants int
	asked    int
	codes    map[types.Code]int
	differ   []string // one a message and pair of codes

	signers []signer
	texts   []string
	words   [][]byte // digests, keys, signatures
	days    []int32
	sums    []int64
}

// signer is somebody whose key is known.
type signer struct {
	holder, key string
	signed      types.SignedTx
}

// ask asks variants of each message of a transaction at its place in a block.
func (w *world) ask(b *Block, t *types.Tx) {
	p := w.probe
	if p == nil || w.model == nil {
		return
	}
	if len(p.signers) == 0 {
		for _, m := range w.genesis.Members {
			for _, k := range m.Keys {
				signed := types.SignedTx{PublicKey: k.PublicKey, Algorithm: k.Algorithm, Signature: t.Signed.Signature}
				p.signers = append(p.signers, signer{m.ID, k.ID, signed})
			}
		}
	}
	p.signers = append(p.signers, signer{t.Body.Signer, t.Body.Key, t.Signed})
	for _, m := range t.Body.Messages {
		p.learn(m.Get())
		for range p.variants {
			body, signed := t.Body, t.Signed
			body.Messages = []*types.Message{p.spoiled(m)}
			if p.rng.IntN(4) == 0 { // somebody else, or for somebody else
				by := oneOf(p.rng, p.signers...)
				body.Signer, body.Key, signed = by.holder, by.key, by.signed
				body.Messages[0].OnBehalfOf = oneOf(p.rng, "", m.OnBehalfOf, oneOf(p.rng, p.texts...))
			}
			p.compare(w, b, signed, &body)
		}
	}
}

// compare asks rules and model for the code of a transaction with one message.
func (p *probe) compare(w *world, b *Block, signed types.SignedTx, body *types.Body) {
	var err error
	signed.Body, err = body.Marshal()
	require.NoError(w.t, err)
	raw, err := signed.Marshal()
	require.NoError(w.t, err)
	spoiled, err := types.Decode(raw)
	if err != nil {
		return // no transaction at all
	}
	code, detail, left := types.Code_ok, "", state.NewBatch(b.Batch)
	sender, err := Authenticate(b.Batch, &b.Moment, spoiled)
	if err == nil {
		code, detail, err = b.message(left, sender, spoiled, spoiled.Body.Messages[0])
		require.NoError(w.t, Charge(left, &b.Moment, spoiled))
	} else if refused, ok := types.CodeOf(err); ok {
		code, detail, err = refused, err.Error(), nil
	}
	require.NoError(w.t, err, "%s", body)
	var differ []string
	predicted := w.model.Ask(spoiled, func() {
		if code == types.Code_ok {
			differ = append(w.model.Compare(left.Get), w.model.CompareLogs(left.Entry)...)
		}
	})
	p.asked++
	p.codes[code]++
	m := body.Messages[0]
	pair := fmt.Sprintf("%s: the rules say %s, the model %s", types.RowOf(m.Get()).Name, code, predicted)
	switch {
	case code == predicted && len(differ) == 0:
		return
	case code == predicted:
		pair, detail = types.RowOf(m.Get()).Name+" leaves something else", strings.Join(differ, "\n")
	}
	if !slices.ContainsFunc(p.differ, func(s string) bool { return strings.HasPrefix(s, pair) }) {
		p.differ = append(p.differ, fmt.Sprintf("%s; %s; height %d, from %s/%s: %s", pair, detail, w.height+1, body.Signer, body.Key, m))
	}
}

// learn keeps what a message says.
func (p *probe) learn(m types.Msg) {
	for _, f := range leavesOf(reflect.ValueOf(m)) {
		switch f.Kind() {
		case reflect.String:
			p.texts = append(p.texts, f.String())
		case reflect.Int32:
			p.days = append(p.days, int32(f.Int()))
		case reflect.Int64:
			p.sums = append(p.sums, f.Int())
		case reflect.Slice:
			if f.Type().Elem().Kind() == reflect.Uint8 {
				p.words = append(p.words, bytes.Clone(f.Bytes()))
			}
		}
	}
}

// spoiled is a message with one to three other fields.
func (p *probe) spoiled(m *types.Message) *types.Message {
	raw, err := m.Marshal()
	if err != nil {
		panic(err)
	}
	var c types.Message
	if err := c.Unmarshal(raw); err != nil {
		panic(err)
	}
	for range 1 + p.rng.IntN(3) {
		if all := leavesOf(reflect.ValueOf(c.Get())); len(all) > 0 {
			p.spoil(all[p.rng.IntN(len(all))])
		}
	}
	return &c
}

func (p *probe) spoil(f reflect.Value) {
	switch f.Kind() {
	case reflect.Bool:
		f.SetBool(!f.Bool())
	case reflect.Int32:
		if f.Type().PkgPath() != "" { // an enumeration
			f.SetInt(int64(p.rng.IntN(10)))
			return
		}
		f.SetInt(int64(oneOf(p.rng, oneOf(p.rng, p.days...), 0, -1, int32(f.Int())+1, int32(f.Int())-1, types.MinDay-1, math.MaxInt32, math.MinInt32)))
	case reflect.Int64:
		f.SetInt(oneOf(p.rng, oneOf(p.rng, p.sums...), 0, -1, f.Int()+1, f.Int()-1, f.Int()*2, types.MaxAmount, types.MaxAmount+1, math.MaxInt64))
	case reflect.Uint32, reflect.Uint64:
		f.SetUint(oneOf(p.rng, f.Uint()+1, 0, 1, 257, 10_001, 100_001, math.MaxUint32))
	case reflect.String:
		if p.rng.IntN(4) > 0 {
			f.SetString(oneOf(p.rng, p.texts...))
			return
		}
		f.SetString(oneOf(p.rng, "", "x", "x/y", "CN", "USD", "??", strings.Repeat("x", 300)))
	case reflect.Slice:
		p.spoilList(f)
	}
}

func (p *probe) spoilList(f reflect.Value) {
	if f.Type().Elem().Kind() == reflect.Uint8 {
		b := bytes.Clone(f.Bytes())
		switch n := p.rng.IntN(4); {
		case n == 0 || len(b) == 0:
			b = oneOf(p.rng, p.words...)
		case n == 1:
			b = b[1:]
		case n == 2:
			b = nil
		default:
			b[p.rng.IntN(len(b))] ^= 1
		}
		f.SetBytes(b)
		return
	}
	switch n := p.rng.IntN(3); {
	case f.Len() == 0:
	case n == 0:
		f.Set(f.Slice(0, f.Len()-1))
	case n == 1:
		f.Set(reflect.Append(f, f.Index(p.rng.IntN(f.Len()))))
	default:
		f.Set(f.Slice(1, f.Len()))
	}
}

func oneOf[T any](rng *rand.Rand, from ...T) (t T) {
	if len(from) == 0 {
		return t
	}
	return from[rng.IntN(len(from))]
}

// leavesOf are the scalar fields and the lists of a message and of what lies in it.
func leavesOf(v reflect.Value) (out []reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			out = leavesOf(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				out = append(out, leavesOf(v.Field(i))...)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Uint8 {
			for i := range v.Len() {
				out = append(out, leavesOf(v.Index(i))...)
			}
		}
		out = append(out, v)
	default:
		out = append(out, v)
	}
	return out
}
