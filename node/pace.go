package node

import (
	"log/slog"
	"time"
)

// progressPause is how often long work says how far it is.
const progressPause = 5 * time.Second

// pace logs how far long work is, now and then.
type pace struct {
	logger *slog.Logger
	words  string // what is being done
	of     int    // steps of it; 0: not known
	shown  time.Time
}

func newPace(logger *slog.Logger, words string, of int) *pace {
	return &pace{logger, words, of, time.Now()}
}

// step says that so many steps are done, with so many bytes, if that was not said a moment ago.
func (p *pace) step(done int, bytes int64) {
	if time.Since(p.shown) < progressPause {
		return
	}
	p.shown = time.Now()
	if p.of > 0 {
		p.logger.Info(p.words, "chunk", done, "of", p.of, "bytes", bytes)
		return
	}
	p.logger.Info(p.words, "chunk", done, "bytes", bytes)
}
