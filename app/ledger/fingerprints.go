package ledger

import (
	"slices"

	"tradecredit/types"
)

// Papers that can be financed, receivables and transferable documents, carry the fingerprints that the signer's gateway
// made of them under the consortium key, one set for every live epoch (LEDGER.md §5). They rest with the paper until it
// is reserved (duplicate.go). The ledger has no key and cannot tell whether a gateway was honest.

// maxFingerprintEpochs bounds the sets that a paper carries.
const maxFingerprintEpochs = maxEpochs

// checkFingerprints refuses what no state could make valid: epochs ascend, F1, F2 and F3 stand in every set, the others
// where the paper has such a number.
func checkFingerprints(sets []*types.Fingerprints) error {
	for i, s := range sets {
		for _, f := range [...][]byte{s.F1, s.F2, s.F3} {
			if err := types.CheckDigest(f); err != nil {
				return err
			}
		}
		for _, f := range [...][]byte{s.F4, s.F5, s.F6} {
			if len(f) == 0 {
				continue
			}
			if err := types.CheckDigest(f); err != nil {
				return err
			}
		}
		if s.Epoch == 0 || i > 0 && s.Epoch <= sets[i-1].Epoch {
			return types.Refuse(types.Code_list_not_sorted, "fingerprints stand in ascending order of their epochs, from 1")
		}
	}
	if len(sets) > maxFingerprintEpochs {
		return types.Refuse(types.Code_list_too_long, "fingerprints of %d epochs, at most %d", len(sets), maxFingerprintEpochs)
	}
	return nil
}

// fingerprinted refuses a paper without a set for every live epoch, and with one of another epoch.
func (tx *Tx) fingerprinted(sets []*types.Fingerprints) error {
	live, err := tx.liveEpochs()
	if err != nil {
		return err
	}
	for _, epoch := range live {
		if !slices.ContainsFunc(sets, func(s *types.Fingerprints) bool { return s.Epoch == epoch }) {
			return types.Refuse(types.Code_fingerprints_missing, "of epoch %d", epoch)
		}
	}
	for _, s := range sets {
		if !slices.Contains(live, s.Epoch) {
			return types.Refuse(types.Code_fingerprint_epoch_unknown, "%d is not live", s.Epoch)
		}
	}
	return nil
}
