package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	cmtlog "github.com/cometbft/cometbft/libs/log"
	"github.com/stretchr/testify/require"
)

type shown struct{ hidden int }

func (s *shown) String() string { return strings.Repeat("x", s.hidden) }

func TestLogFormats(t *testing.T) {
	for _, format := range []string{"plain", "json"} {
		var out bytes.Buffer
		logger := NewLogger(&out, LogConfig{Level: "info", EngineLevel: "warn", Format: format})
		engine := newEngineLog(logger, "warn", nil)

		logger.Debug("too little")
		logger.Info("ours", "height", 7)
		engine.Info("too little")
		engine.With("module", "consensus", "odd").Warn("theirs",
			"lazy", cmtlog.NewLazySprintf("%d-%d", 1, 2), "hash", []byte{0xab}, "wait", 2*time.Second,
			"nil", (*shown)(nil), "err", errors.New("bad"), "alone")
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		require.Len(t, lines, 2, out.String())
		for _, part := range []string{"theirs", "consensus", "cometbft", "1-2", "AB", "2s", "bad", "alone", "WARN"} {
			require.Contains(t, lines[1], part)
		}
		require.NotContains(t, lines[1], "BADKEY")
		if format == "json" {
			var object map[string]any
			require.NoError(t, json.Unmarshal([]byte(lines[1]), &object))
			require.Equal(t, "1-2", object["lazy"])
			require.Equal(t, "<nil>", object["nil"])
			require.Equal(t, "consensus", object["module"])
		}
	}
}

// CometBFT may be asked for more than ledgerd itself writes.
func TestEngineLogHasItsOwnLevel(t *testing.T) {
	var out bytes.Buffer
	logger := NewLogger(&out, LogConfig{Level: "error", Format: "plain"}).With("node", "a")
	newEngineLog(logger, "debug", nil).Debug("detail")
	require.Contains(t, out.String(), "detail")
	require.Contains(t, out.String(), "node=a")
	logger.Warn("ours")
	require.NotContains(t, out.String(), "ours")
	require.Equal(t, slog.LevelInfo, levelOf("nonsense"))
}

// What CometBFT says whenever it is stopped is no error; anything else still is.
func TestEngineLogAtTheEnd(t *testing.T) {
	var out bytes.Buffer
	var stopping atomic.Bool
	engine := newEngineLog(NewLogger(&out, LogConfig{Level: "info", Format: "plain"}), "warn", &stopping).With("module", "p2p")
	engine.Error(farewells[0])
	require.Contains(t, out.String(), farewells[0])
	out.Reset()
	stopping.Store(true)
	engine.Error(farewells[0])
	require.Empty(t, out.String())
	engine.Error("something else")
	require.Contains(t, out.String(), "something else")
}
