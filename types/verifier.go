package types

import (
	"sync"

	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
)

const (
	cachedKeys   = 4096 // expanded keys kept, 1.5 KiB each
	batchEntries = 1024 // signatures in one batch: beyond it nothing is gained
)

// Verifier verifies transactions and keeps expanded public keys between calls. What it answers depends on its arguments
// alone. It is safe for concurrent use.
type Verifier struct {
	mu     sync.Mutex
	recent map[[ed25519.PublicKeySize]byte]*ed25519.ExpandedPublicKey
	older  map[[ed25519.PublicKeySize]byte]*ed25519.ExpandedPublicKey // the generation before; dropped as a whole
}

// NewVerifier returns a verifier with an empty cache.
func NewVerifier() *Verifier {
	return &Verifier{recent: make(map[[ed25519.PublicKeySize]byte]*ed25519.ExpandedPublicKey)}
}

// VerifyTx verifies the signature of one transaction against the key that it carries; whether that is the signer's
// registered key is for the caller to check.
func (v *Verifier) VerifyTx(t *Tx) bool {
	key := v.expanded(t)
	return key != nil && ed25519.VerifyExpandedWithOptions(key, SignBytes(t.Signed.Body), t.Signed.Signature, zip215)
}

// VerifyBatch verifies many signatures and returns one verdict each, the same that VerifyTx gives. It is fastest when
// all are valid; a batch that holds a bad one is verified one by one.
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

// expanded returns the expanded key of a transaction whose parts have the right lengths, nil when it cannot verify.
func (v *Verifier) expanded(t *Tx) *ed25519.ExpandedPublicKey {
	s := &t.Signed
	if s.Algorithm != Algorithm_ED25519 || len(s.PublicKey) != ed25519.PublicKeySize || len(s.Signature) != ed25519.SignatureSize {
		return nil
	}
	id := [ed25519.PublicKeySize]byte(s.PublicKey)
	v.mu.Lock()
	key, ok := v.recent[id]
	if !ok {
		if key, ok = v.older[id]; ok {
			v.keep(id, key)
		}
	}
	v.mu.Unlock()
	if ok {
		return key
	}
	key, err := ed25519.NewExpandedPublicKey(s.PublicKey)
	if err != nil {
		return nil
	}
	v.mu.Lock()
	v.keep(id, key)
	v.mu.Unlock()
	return key
}

// keep stores a key; when half the cache is full, the older half goes.
func (v *Verifier) keep(id [ed25519.PublicKeySize]byte, key *ed25519.ExpandedPublicKey) {
	if len(v.recent) >= cachedKeys/2 {
		v.older = v.recent
		v.recent = make(map[[ed25519.PublicKeySize]byte]*ed25519.ExpandedPublicKey)
	}
	v.recent[id] = key
}
