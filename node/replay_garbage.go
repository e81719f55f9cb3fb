package node

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
)

// A replay makes much garbage and keeps little. Collecting it seldom saves a tenth of the CPU time; how seldom is bounded by
// the memory that garbage may take.
const (
	garbageRoom  = 1 << 30 // bytes
	garbageMost  = 400     // percent of what lives
	garbageLeast = 100     // what the runtime does anyway
	garbageEvery = 16      // blocks between two looks at what lives
)

// garbage lets the collector wait while a replay runs. GOGC in the environment stands.
type garbage struct {
	own     int // the percentage before; it is set again in the end
	percent int // 0: nothing is changed
	blocks  int
}

// begin looks for the first time.
func (g *garbage) begin() {
	if os.Getenv("GOGC") != "" {
		return
	}
	g.percent = garbageMost
	g.own = debug.SetGCPercent(g.percent)
	g.look()
}

// block is told of each block.
func (g *garbage) block() {
	if g.blocks++; g.percent > 0 && g.blocks%garbageEvery == 0 {
		g.look()
	}
}

// look adjusts the percentage to what lives.
func (g *garbage) look() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if live[0].Value.Kind() != metrics.KindUint64 {
		return
	}
	percent := min(garbageMost, max(garbageLeast, int(garbageRoom/max(1, live[0].Value.Uint64()/100))))
	if percent != g.percent {
		g.percent = percent
		debug.SetGCPercent(percent)
	}
}

// end lets the collector be as it was.
func (g *garbage) end() {
	if g.percent > 0 {
		debug.SetGCPercent(g.own)
	}
}
