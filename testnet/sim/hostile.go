package sim

import (
	"bytes"
	"slices"

	"tradecredit/types"
)

// bad is a transaction that should not pass the gate: one that was final before, one whose bytes somebody changed, one
// that is signed by the wrong key, for another chain, too early or too late.
func (w *world) bad() []byte {
	if len(w.letters) == 0 {
		return w.noise()
	}
	l := oneOf(w.rng, w.letters...)
	switch w.rng.IntN(8) {
	case 0, 1:
		return l.raw // replayed
	case 2:
		return w.resigned(l)
	case 3:
		return w.flipped(l.raw)
	case 4:
		return w.noise()
	}
	return w.forged()
}

// noise is no transaction at all.
func (w *world) noise() []byte {
	switch w.rng.IntN(4) {
	case 0:
		return nil
	case 1:
		return make([]byte, types.MaxTxBytes+1)
	}
	b := make([]byte, 1+w.rng.IntN(300))
	for i := range b {
		b[i] = byte(w.rng.Uint32())
	}
	return b
}

// flipped has one bit changed, is cut off, or goes on too long.
func (w *world) flipped(raw []byte) []byte {
	if len(raw) == 0 {
		return []byte{byte(w.rng.Uint32())}
	}
	b := bytes.Clone(raw)
	switch w.rng.IntN(4) {
	case 0:
		return b[:w.rng.IntN(len(b))]
	case 1:
		return append(b, b[:min(len(b), 1+w.rng.IntN(8))]...)
	}
	b[w.rng.IntN(len(b))] ^= 1 << w.rng.IntN(8)
	return b
}

// resigned says something else under a reference that was used.
func (w *world) resigned(l *letter) []byte {
	b := *l.body
	b.ValidUntilUnix = w.validUntil()
	b.Messages = l.body.Messages[:1]
	return w.seal(&b)
}

// forged is a good transaction with one thing wrong in its envelope.
func (w *world) forged() []byte {
	a := w.act()
	if a == nil {
		return w.noise()
	}
	b := w.body(&draft{signer: a.signer, key: w.keyOf(*a), acts: []act{*a}})
	switch w.rng.IntN(13) {
	case 0:
		b.ChainId = "other-1"
	case 1:
		b.ValidUntilUnix = w.before.Unix() - 1
	case 2:
		b.ValidUntilUnix = w.now.Unix() + types.MaxValidity + 1
	case 3:
		b.Signer = "nobody"
	case 4:
		b.Key = "none"
	case 5:
		b.Reference = "too-short"
	case 6:
		b.Origin = nil
	case 7:
		for len(b.Messages) <= types.MaxMessages {
			b.Messages = append(b.Messages, b.Messages[0])
		}
	case 8:
		b.Messages = nil
	case 9:
		b.Messages[0] = &types.Message{}
	default:
		return w.signedWrong(b)
	}
	return w.seal(b)
}

// signedWrong has a signature that is not its key's.
func (w *world) signedWrong(b *types.Body) []byte {
	encoded, err := b.Marshal()
	if err != nil {
		panic(err)
	}
	k, other := w.secretOf(b.Signer, b.Key), w.secret("stranger", "key")
	s := &types.SignedTx{Body: encoded, PublicKey: k.PublicKey(), Algorithm: k.Algorithm(), Signature: k.Sign(types.SignBytes(encoded))}
	switch w.rng.IntN(4) {
	case 0: // with a stranger's key, and openly so
		s.PublicKey, s.Signature = other.PublicKey(), other.Sign(types.SignBytes(encoded))
	case 1:
		s.Signature = other.Sign(types.SignBytes(encoded))
	case 2:
		s.Signature = k.Sign(encoded)
	case 3:
		s.Algorithm = types.Algorithm_SM2_SM3
	}
	return w.envelope(b, s)
}

// mangle is a proposal that somebody has tampered with; some of them are good all the same.
func (w *world) mangle(txs [][]byte) [][]byte {
	out := slices.Clone(txs)
	at := w.rng.IntN(len(out) + 1)
	switch n := w.rng.IntN(6); {
	case n == 0 || len(out) == 0:
		return slices.Insert(out, at, w.bad())
	case n == 1: // twice
		return slices.Insert(out, at, out[w.rng.IntN(len(out))])
	case n == 2: // without one
		at %= len(out)
		return slices.Delete(out, at, at+1)
	case n == 3: // in another order
		w.rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
		return out
	case n == 4:
		at %= len(out)
		out[at] = w.flipped(out[at])
		return out
	}
	return slices.Insert(out, at, w.seal(w.body(&draft{signer: "nobody", key: "none", acts: []act{{msg: &types.Vote{Proposal: "a/b"}}}})))
}
