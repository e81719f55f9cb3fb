package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"tradecredit/types"
)

// send writes the transactions of a block: most by the rules of good behaviour, some not.
func (w *world) send() [][]byte {
	var out [][]byte
	var drafts []*draft
	for range 4 + w.rng.IntN(26) {
		if a := w.act(); a != nil {
			drafts = w.gather(drafts, *a)
		}
	}
	if chance(w.rng, 2) {
		drafts = append(drafts, w.large())
	}
	for _, d := range drafts {
		if d != nil {
			out = append(out, w.seal(w.body(d)))
		}
	}
	if chance(w.rng, 35) {
		out = append(out, w.bad())
	}
	return out
}

// draft is a transaction before it is signed: one signer, one key, one message or more.
type draft struct {
	signer, key string
	acts        []act
}

// gather puts an act into one of the drafts of its signer and key, or into a new one.
func (w *world) gather(drafts []*draft, a act) []*draft {
	key := w.keyOf(a)
	for _, d := range drafts {
		if d.signer == a.signer && d.key == key && chance(w.rng, 60) {
			d.acts = append(d.acts, a)
			return drafts
		}
	}
	return append(drafts, &draft{signer: a.signer, key: key, acts: []act{a}})
}

// large is one act many times; all but the first come to nothing, or each has an id of its own.
func (w *world) large() *draft {
	a := w.act()
	if a == nil {
		return nil
	}
	d := &draft{signer: a.signer, key: w.keyOf(*a)}
	for range 100 + w.rng.IntN(types.MaxMessages-99) {
		again := act{signer: a.signer, behalf: a.behalf, msg: clone(a.msg)}
		if id := textField(again.msg, "Id"); id != nil && chance(w.rng, 90) {
			*id = w.id()
		}
		d.acts = append(d.acts, again)
	}
	return d
}

// body makes the body of a draft.
func (w *world) body(d *draft) *types.Body {
	w.serial++
	b := &types.Body{
		ChainId: chainID, Signer: d.signer, Key: d.key, Reference: fmt.Sprintf("reference-%08d", w.serial),
		ValidUntilUnix: w.validUntil(), Atomic: chance(w.rng, 15),
		Origin: &types.Origin{SourceSystem: "sim", Jurisdiction: "CN", CollectedUnix: w.before.Unix()},
	}
	for _, a := range d.acts {
		b.Messages = append(b.Messages, types.Wrap(a.behalf, a.msg))
	}
	return b
}

// validUntil is a time at which a transaction can still be admitted now and stand in the next block, if there is one.
func (w *world) validUntil() int64 {
	latest := w.before.Unix() + types.MaxValidity
	if w.now.Unix() >= latest {
		return latest
	}
	return w.now.Unix() + w.rng.Int64N(min(latest-w.now.Unix(), 4*3600)+1)
}

// seal signs a body with its signer's key as that is registered, and remembers it. It checks nothing.
func (w *world) seal(b *types.Body) []byte {
	k := w.secretOf(b.Signer, b.Key)
	encoded, err := b.Marshal()
	if err != nil {
		panic(err)
	}
	return w.envelope(b, &types.SignedTx{
		Body: encoded, PublicKey: k.PublicKey(), Algorithm: k.Algorithm(), Signature: k.Sign(types.SignBytes(encoded)),
	})
}

func (w *world) envelope(b *types.Body, s *types.SignedTx) []byte {
	raw, err := s.Marshal()
	if err != nil {
		panic(err)
	}
	w.sent[sha256.Sum256(raw)] = &letter{body: b, raw: raw}
	return raw
}

// secretOf is the secret of a key as it is registered, or would be.
func (w *world) secretOf(holder, id string) *types.SigningKey {
	if k := get(w, types.KeyKey(holder, id)); k != nil {
		if s := w.secrets[hex.EncodeToString(k.PublicKey)]; s != nil {
			return s
		}
	}
	return w.secret(holder, id)
}

// keyOf is the id of a live key of the signer that may sign an act, one of them by chance; if there is none, any key.
func (w *world) keyOf(a act) string {
	row, best, any := types.RowOf(a.msg), "", ""
	n, m := 0, 0
	for _, key := range w.mirror.owners[string(types.Keys)+a.signer+"/"] {
		raw, ok := w.mirror.rows[key]
		if !ok {
			continue
		}
		k := decode[types.KeyRecord](raw)
		if m++; w.rng.IntN(m) == 0 {
			any = k.Id
		}
		_, may := row.Permit(k.Role, types.RelationOf(k.Role, a.behalf))
		if may && w.signs(k) {
			if n++; w.rng.IntN(n) == 0 {
				best = k.Id
			}
		}
	}
	switch {
	case best != "":
		return best
	case any != "":
		return any
	}
	return "none"
}

// signs tells whether a key is live in the block that is being made.
func (w *world) signs(k *types.KeyRecord) bool {
	unix := w.now.Unix()
	return k.Status == types.KeyStatus_KEY_LIVE && k.ValidFromUnix <= unix && (k.ValidUntilUnix == 0 || unix < k.ValidUntilUnix)
}

// holds tells whether a member or enterprise has a key of a role that signs now.
func (w *world) holds(holder string, role types.Role) bool {
	for _, key := range w.mirror.owners[string(types.Keys)+holder+"/"] {
		if raw, ok := w.mirror.rows[key]; ok {
			if k := decode[types.KeyRecord](raw); k.Role == role && w.signs(k) {
				return true
			}
		}
	}
	return false
}

// id is a source id that nobody used.
func (w *world) id() string {
	w.serial++
	return fmt.Sprintf("%s%d", strings.Repeat("n", 1+w.rng.IntN(3)), w.serial)
}
