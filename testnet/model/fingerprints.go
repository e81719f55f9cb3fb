package model

import "tradecredit/types"

// Papers carry the fingerprints that their gateway made, one set for every live epoch.

func shapeOfFingerprints(sets []*types.Fingerprints) types.Code {
	code, last := types.Code_ok, uint32(0)
	for _, f := range sets {
		code = refusal(code, digest(f.F1), digest(f.F2), digest(f.F3), optionalDigest(f.F4), optionalDigest(f.F5), optionalDigest(f.F6),
			when(f.Epoch <= last, types.Code_list_not_sorted))
		last = f.Epoch
	}
	return refusal(code, when(len(sets) > 2, types.Code_list_too_long))
}

// fingerprinted refuses a paper without the set of a live epoch, or with the set of another.
func (m *Model) fingerprinted(sets []*types.Fingerprints) types.Code {
	given, missing := map[uint32]bool{}, false
	for _, f := range sets {
		given[f.Epoch] = true
	}
	for _, epoch := range m.liveEpochs(m.day) {
		missing = missing || !given[epoch]
		delete(given, epoch)
	}
	return refusal(when(missing, types.Code_fingerprints_missing), when(len(given) > 0, types.Code_fingerprint_epoch_unknown))
}
