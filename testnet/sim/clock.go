package sim

import (
	"math/rand/v2"
	"time"

	"tradecredit/types"
)

// genesisUnix is when every simulated network begins: 2027-12-17, ten weeks before a leap day.
const genesisUnix int64 = 1_829_001_600

const (
	minute = 60 * time.Second
	hour   = 60 * minute
	day    = 24 * hour
)

// step is how long after a block the next one comes: mostly soon, now and then after days, once in a long while after
// months. The time of blocks only ever goes forward.
func step(r *rand.Rand) time.Duration {
	between := func(from, to time.Duration) time.Duration { return from + time.Duration(r.Int64N(int64(to-from))) }
	switch n := r.IntN(1000); {
	case n < 200:
		return between(time.Millisecond, time.Second)
	case n < 550:
		return between(time.Second, minute)
	case n < 700:
		return between(minute, hour)
	case n < 880:
		return between(hour, 22*hour)
	case n < 970:
		return between(day, 4*day)
	case n < 995:
		return between(4*day, 20*day)
	}
	return between(20*day, 190*day)
}

// today is the civil day of a block's time.
func today(t time.Time, offset int64) int32 { return types.DayOf(t.Unix(), offset) }
