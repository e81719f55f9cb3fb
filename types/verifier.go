package types

import (
	"sync"

	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
)

const (
	cachedKeys   = 4096 // keys kept of each algorithm; an expanded one of ed25519 has 1.5 KiB
	batchEntries = 1024 // signatures in one batch: beyond it nothing is gained
)

// Verifier verifies transactions and keeps public keys, made ready for use, between calls. What it answers depends on its
// arguments alone. It is safe for concurrent use.
type Verifier struct {
	ed25519 keyCache[[ed25519.PublicKeySize]byte, ed25519.ExpandedPublicKey]
	sm2     keyCache[[sm2PublicKeySize]byte, sm2PublicKey]
}

// NewVerifier returns a verifier with an empty cache.
func NewVerifier() *Verifier { return &Verifier{} }

// VerifyTx verifies the signature of one transaction against the key that it carries; whether that is the signer's
// registered key is for the caller to check. It answers as VerifySignature does.
func (v *Verifier) VerifyTx(t *Tx) bool {
	switch t.Signed.Algorithm {
	case Algorithm_ED25519:
		key := v.expanded(t)
		return key != nil && ed25519.VerifyExpandedWithOptions(key, SignBytes(t.Signed.Body), t.Signed.Signature, zip215)
	case Algorithm_SM2_SM3:
		return v.verifySM2(t)
	}
	return false
}

// VerifyBatch verifies many signatures and returns one verdict each, the same that VerifyTx gives. Those of ed25519 are
// verified together, which is fastest when all are valid: a batch that holds a bad one is verified one by one. SM2 has
// no batch form.
func (v *Verifier) VerifyBatch(ts []*Tx) []bool {
	verdicts := make([]bool, len(ts))
	for start := 0; start < len(ts); start += batchEntries {
		end := min(start+batchEntries, len(ts))
		v.verifyChunk(ts[start:end], verdicts[start:end])
	}
	return verdicts
}

func (v *Verifier) verifyChunk(ts []*Tx, verdicts []bool) {
	if len(ts) == 1 {
		verdicts[0] = v.VerifyTx(ts[0])
		return
	}
	batch := ed25519.NewBatchVerifierWithCapacity(len(ts))
	places := make([]int, 0, len(ts))
	for i, t := range ts {
		if t.Signed.Algorithm != Algorithm_ED25519 {
			verdicts[i] = v.VerifyTx(t)
			continue
		}
		if key := v.expanded(t); key != nil {
			batch.AddExpandedWithOptions(key, SignBytes(t.Signed.Body), t.Signed.Signature, zip215)
			places = append(places, i)
		}
	}
	if len(places) == 0 {
		return
	}
	_, each := batch.Verify(nil)
	for j, i := range places {
		verdicts[i] = each[j]
	}
}

// expanded returns the expanded ed25519 key of a transaction whose parts have the right lengths, nil when it cannot
// verify.
func (v *Verifier) expanded(t *Tx) *ed25519.ExpandedPublicKey {
	s := &t.Signed
	if len(s.PublicKey) != ed25519.PublicKeySize || len(s.Signature) != ed25519.SignatureSize {
		return nil
	}
	return v.ed25519.get([ed25519.PublicKeySize]byte(s.PublicKey), func() (*ed25519.ExpandedPublicKey, error) {
		return ed25519.NewExpandedPublicKey(s.PublicKey)
	})
}

func (v *Verifier) verifySM2(t *Tx) bool {
	s := &t.Signed
	if len(s.PublicKey) != sm2PublicKeySize || len(s.Signature) != sm2SignatureSize {
		return false
	}
	key := v.sm2.get([sm2PublicKeySize]byte(s.PublicKey), func() (*sm2PublicKey, error) { return newSM2PublicKey(s.PublicKey) })
	return key != nil && key.verify(SignBytes(s.Body), s.Signature)
}

// keyCache keeps what was made of public keys, at most cachedKeys of them, in two generations: when the younger one is
// full, the older one goes as a whole. The zero value is empty.
type keyCache[K comparable, V any] struct {
	mu     sync.Mutex
	recent map[K]*V
	older  map[K]*V
}

// get returns what read made of a key, now or before; nil if it cannot. Failures are not kept.
func (c *keyCache[K, V]) get(id K, read func() (*V, error)) *V {
	c.mu.Lock()
	key, ok := c.recent[id]
	if !ok {
		if key, ok = c.older[id]; ok {
			c.keep(id, key)
		}
	}
	c.mu.Unlock()
	if ok {
		return key
	}
	key, err := read()
	if err != nil {
		return nil
	}
	c.mu.Lock()
	c.keep(id, key)
	c.mu.Unlock()
	return key
}

func (c *keyCache[K, V]) keep(id K, key *V) {
	if len(c.recent) >= cachedKeys/2 {
		c.older, c.recent = c.recent, nil
	}
	if c.recent == nil {
		c.recent = map[K]*V{}
	}
	c.recent[id] = key
}
