package node

import "time"

// Progress of a replay, an export or an import.
type Progress struct {
	Height  int64 // the newest height that is done
	First   int64 // the height before the first one
	Last    int64 // the height that will be the last
	Records int64 // messages so far
	Elapsed time.Duration
}

// progressEvery is how often somebody is told at most.
const progressEvery = 100 * time.Millisecond

// meter tells somebody about progress, now and then.
type meter struct {
	tell  func(Progress)
	began time.Time
	told  time.Time
	Progress
}

func newMeter(tell func(Progress), first, last int64) meter {
	return meter{tell: tell, began: time.Now(), Progress: Progress{Height: first, First: first, Last: last}}
}

// step says that a height is done.
func (m *meter) step(height, records int64) {
	m.Height = height
	m.Records += records
	if m.tell == nil {
		return
	}
	if now := time.Now(); now.Sub(m.told) >= progressEvery {
		m.told = now
		m.end()
	}
}

// end tells how far it came.
func (m *meter) end() {
	if m.tell == nil {
		return
	}
	m.Elapsed = time.Since(m.began)
	m.tell(m.Progress)
}
