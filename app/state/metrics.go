package state

// Metrics are sizes and counters of the store, for operators and benchmarks.
type Metrics struct {
	Height       int64
	Oldest       int64  // lowest height that can be opened
	Keys         int    // leaves of the newest height
	ProofHeights int    // heights that can be proved from memory now
	DiskBytes    uint64 // rows on disk, obsolete files included
	BytesWritten uint64 // log, flushes and compactions since the start
	L0Files      int64  // files that reads have to look through one by one
	ReadAmp      int    // levels that a read may have to look into
	Debt         uint64 // bytes that compactions still have to move
	CachedValues int
	CachedBytes  int
	OpenViews    int
}

// Metrics takes a snapshot of the store's figures.
func (db *DB) Metrics() Metrics {
	d := db.disk.Metrics()
	total := d.Total()
	m := Metrics{
		DiskBytes:    d.DiskSpaceUsage(),
		BytesWritten: d.WAL.BytesWritten + total.TableBytesFlushed + total.TableBytesCompacted,
		L0Files:      d.Levels[0].TablesCount,
		ReadAmp:      d.ReadAmp(),
		Debt:         d.Compact.EstimatedDebt,
	}
	m.CachedValues, m.CachedBytes = db.values.size()
	m.OpenViews = db.views.total()
	db.mu.RLock()
	defer db.mu.RUnlock()
	m.Height, m.Oldest, m.Keys = db.head.Height, db.oldest, db.tree.count
	m.ProofHeights = len(db.history.layers) + 1
	return m
}

func (c *valueCache) size() (values, bytes int) {
	for i := range c.parts {
		p := &c.parts[i]
		p.mu.Lock()
		values += len(p.slots)
		bytes += p.size
		p.mu.Unlock()
	}
	return values, bytes
}

func (o *openViews) total() (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range o.counts {
		n += c.count
	}
	return n
}
