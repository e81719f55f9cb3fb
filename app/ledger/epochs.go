package ledger

import (
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Epochs of the consortium key under which duplicate fingerprints are made (LEDGER.md §5).
//
// Leaf "epochs" holds the live and the coming ones, and the newest, for its number. A receivable may run 720
// days and be collected 180 days later, so an epoch lives 900 days; two overlap, so that keys can change.

const (
	epochDays = 900 // an epoch lives at least so long
	maxEpochs = 2   // live on any day
)

// checkEpoch refuses what no state could make valid.
func checkEpoch(a *types.OpenEpoch) error {
	if err := firstRefusal(types.CheckDigest(a.KeyCheck), checkEventDay(a.OpensDay)); err != nil {
		return err
	}
	if int64(a.ClosesDay) < int64(a.OpensDay)+epochDays {
		return types.Refuse(types.Code_epoch_too_short, "an epoch lives at least %d days", epochDays)
	}
	return nil
}

// openEpoch checks the days, the number, and how many epochs would be live at once.
func (b *Block) openEpoch(w *state.Batch, proposal string, a *types.OpenEpoch) error {
	today := b.Today()
	switch {
	case a.ClosesDay < today:
		return types.Refuse(types.Code_expiry_passed, "it would be over since %s", types.FormatDay(a.ClosesDay))
	case a.OpensDay > today+maxExpiry:
		return types.Refuse(types.Code_expiry_too_far, "an epoch opens at most %d days ahead", maxExpiry)
	}
	all, err := state.Get(w, types.EpochsKey)
	if err != nil {
		return err
	}
	if all == nil {
		all = &types.Epochs{}
	}
	last := uint32(0)
	if n := len(all.Epochs); n > 0 {
		last = all.Epochs[n-1].Epoch.Epoch
	}
	if a.Epoch != last+1 {
		return types.Refuse(types.Code_epoch_number_wrong, "the next epoch has number %d", last+1)
	}
	all.Epochs = slices.DeleteFunc(all.Epochs, func(e *types.Epoch) bool { return e.Epoch.ClosesDay < today })
	all.Epochs = append(all.Epochs, &types.Epoch{Epoch: a, Proposal: proposal})
	// The number of live epochs grows only on days on which one opens.
	for _, at := range all.Epochs {
		if n := len(liveOn(all, at.Epoch.OpensDay)); n > maxEpochs {
			return types.Refuse(types.Code_too_many_epochs, "%d epochs would be live on %s", n, types.FormatDay(at.Epoch.OpensDay))
		}
	}
	return state.Set(w, types.EpochsKey, all)
}

// liveOn lists the numbers of the epochs that are live on a day, ascending.
func liveOn(all *types.Epochs, day int32) (out []uint32) {
	for _, e := range all.GetEpochs() {
		if e.Epoch.OpensDay <= day && day <= e.Epoch.ClosesDay {
			out = append(out, e.Epoch.Epoch)
		}
	}
	return out
}

// liveEpochs lists the numbers of the epochs that are live today, ascending.
func (tx *Tx) liveEpochs() ([]uint32, error) {
	all, err := state.Get(tx, types.EpochsKey)
	return liveOn(all, tx.Block.Today()), err
}
