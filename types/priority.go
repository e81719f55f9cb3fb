package types

import (
	"cmp"
	"slices"
)

// PriorityGround says why a financier stands where it stands among those who compete for one receivable.
type PriorityGround uint8

// The grounds in the order of the Civil Code of the People's Republic of China, article 768.
const (
	ByRegistration PriorityGround = iota + 1 // registered: before whoever is not, the earlier registration first
	ByNotice                                 // not registered: whose notice of assignment reached the debtor first
	ByShare                                  // neither: by the share of what each of them lent
	NotAdvanced                              // reserved only: nothing was lent, and nothing is claimed yet
)

// PriorityLine is one financier's place. Lines of one rank stand side by side.
type PriorityLine struct {
	Rank    int // from 1; 0 when nothing is claimed yet
	Ground  PriorityGround
	ShareBp int32 // ByShare: of what is left after the ranks before, basis points, rounded down; otherwise 0
	Lien    *Lien
}

// Priority ranks the live liens on one object in the order of article 768: who is registered comes before who is not, and
// earlier registrations before later ones; of those not registered, whose notice of assignment reached the debtor first;
// who neither registered nor notified, by the share of what they lent. The article names the three cases one by one; where
// they meet, those not registered follow those registered in the order that they have among themselves.
//
// The Supreme People's Court applies the article alike to factoring, pledges and assignments of one receivable
// (Interpretation on the guarantee system of the Civil Code, article 66). Days are what the lenders stated, and the finest
// there is: lines of one day share a rank. A number without the day of the entry is no registration here. It is evidence
// of time and notice, not the statutory register, and no judgment. Nil and empty encumbrances give no lines.
func Priority(e *Encumbrance) []PriorityLine {
	if e == nil {
		return nil
	}
	lines := make([]PriorityLine, 0, len(e.Liens))
	for _, l := range e.Liens {
		lines = append(lines, PriorityLine{Ground: groundOf(l), Lien: l})
	}
	slices.SortStableFunc(lines, comparePriority)
	lent := uint64(0) // at most 64 liens of 10^15 each
	for _, l := range lines {
		if l.Ground == ByShare {
			lent += uint64(l.Lien.AmountMinor)
		}
	}
	for i := range lines {
		l := &lines[i]
		switch {
		case l.Ground == NotAdvanced:
		case i > 0 && comparePriority(lines[i-1], *l) == 0:
			l.Rank = lines[i-1].Rank
		default:
			l.Rank = i + 1
		}
		if l.Ground == ByShare && lent > 0 {
			share, err := Share(10_000, l.Lien.AmountMinor, int64(lent))
			if err == nil {
				l.ShareBp = int32(share)
			}
		}
	}
	return lines
}

func groundOf(l *Lien) PriorityGround {
	switch {
	case l.Reserved:
		return NotAdvanced
	case l.RegisteredDay != 0:
		return ByRegistration
	case l.NotifiedDay != 0:
		return ByNotice
	}
	return ByShare
}

// comparePriority is 0 for lines of one rank.
func comparePriority(a, b PriorityLine) int {
	if c := cmp.Compare(a.Ground, b.Ground); c != 0 {
		return c
	}
	switch a.Ground {
	case ByRegistration:
		return cmp.Compare(a.Lien.RegisteredDay, b.Lien.RegisteredDay)
	case ByNotice:
		return cmp.Compare(a.Lien.NotifiedDay, b.Lien.NotifiedDay)
	}
	return 0
}
