package node

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"

	cmtlog "github.com/cometbft/cometbft/libs/log"
)

// NewLogger writes to w in the format and from the level of the configuration: a line a message, as text for people or as
// one JSON object.
func NewLogger(w io.Writer, c LogConfig) *slog.Logger {
	o := &slog.HandlerOptions{Level: slog.LevelDebug} // the levels are applied by leveled
	var h slog.Handler = slog.NewTextHandler(w, o)
	if c.Format == "json" {
		h = slog.NewJSONHandler(w, o)
	}
	return slog.New(leveled{h, levelOf(c.Level)})
}

// levelOf gives the level with this name; an unknown one is info (Validate refuses it before).
func levelOf(name string) slog.Level {
	var l slog.Level
	if l.UnmarshalText([]byte(name)) != nil {
		return slog.LevelInfo
	}
	return l
}

// leveled lets through what is at least as important as its level.
type leveled struct {
	slog.Handler
	least slog.Level
}

// Enabled implements slog.Handler.
func (h leveled) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= h.least && h.Handler.Enabled(ctx, l)
}

// WithAttrs implements slog.Handler.
func (h leveled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return leveled{h.Handler.WithAttrs(attrs), h.least}
}

// WithGroup implements slog.Handler.
func (h leveled) WithGroup(name string) slog.Handler {
	return leveled{h.Handler.WithGroup(name), h.least}
}

// engineLog hands CometBFT's messages to a slog.Logger.
type engineLog struct {
	logger   *slog.Logger
	stopping *atomic.Bool // nil or false: not
}

// farewells are what CometBFT calls errors whenever it is stopped; the last, of the reactor that stopCatchingUp stopped.
var farewells = []string{"Stopped accept routine, as transport is closed", "Error serving server", "error while stopped reactor"}

var _ cmtlog.Logger = engineLog{}

// newEngineLog writes where logger writes, from its own level on. While stopping is true, CometBFT's usual errors at its end
// count as details.
func newEngineLog(logger *slog.Logger, level string, stopping *atomic.Bool) engineLog {
	h := logger.Handler()
	if l, ok := h.(leveled); ok { // replace the level rather than narrow it: debug of CometBFT beside info of ours is possible
		h = l.Handler
	}
	return engineLog{slog.New(leveled{h, levelOf(level)}).With("part", "cometbft"), stopping}
}

// Debug implements cmtlog.Logger.
func (l engineLog) Debug(msg string, kv ...any) { l.log(slog.LevelDebug, msg, kv) }

// Info implements cmtlog.Logger.
func (l engineLog) Info(msg string, kv ...any) { l.log(slog.LevelInfo, msg, kv) }

// Warn implements cmtlog.Logger.
func (l engineLog) Warn(msg string, kv ...any) { l.log(slog.LevelWarn, msg, kv) }

// Error implements cmtlog.Logger.
func (l engineLog) Error(msg string, kv ...any) { l.log(slog.LevelError, msg, kv) }

// With implements cmtlog.Logger.
func (l engineLog) With(kv ...any) cmtlog.Logger {
	return engineLog{l.logger.With(plainValues(kv)...), l.stopping}
}

func (l engineLog) log(level slog.Level, msg string, kv []any) {
	ctx := context.Background()
	if level == slog.LevelError && l.stopping != nil && l.stopping.Load() && slices.Contains(farewells, msg) {
		level = slog.LevelDebug
	}
	if !l.logger.Enabled(ctx, level) { // before touching the values: many are rendered only when written
		return
	}
	l.logger.Log(ctx, level, msg, plainValues(kv)...)
}

// plainValues makes values readable in both formats: what has a String method is rendered by it (JSON would show its fields,
// of which lazy values of CometBFT have none), bytes become hexadecimal. A key without a value gets one.
func plainValues(kv []any) []any {
	out := make([]any, 0, len(kv)+1)
	for i, v := range kv {
		if i%2 == 0 {
			out = append(out, fmt.Sprint(v))
			continue
		}
		switch v := v.(type) {
		case error:
			out = append(out, v)
		case fmt.Stringer:
			out = append(out, lazyText{v})
		case []byte:
			out = append(out, fmt.Sprintf("%X", v))
		default:
			out = append(out, v)
		}
	}
	if len(out)%2 == 1 {
		out = append(out, "")
	}
	return out
}

// lazyText renders a value when it is written.
type lazyText struct{ v fmt.Stringer }

// LogValue implements slog.LogValuer. A nil pointer with a String method is as good as any other nil.
func (l lazyText) LogValue() (text slog.Value) {
	defer func() {
		if recover() != nil {
			text = slog.StringValue("<nil>")
		}
	}()
	return slog.StringValue(l.v.String())
}
