package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
)

// Exits of the process whose disk fails.
const (
	exitUnharmed = 0
	exitPanic    = 2 // of Go: Pebble found no way to go on
	exitError    = 3 // Stage or Apply returned an error
	exitFatal    = 4 // Options.Fatal was called
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("STATE_FAULT_DIR"); dir != "" {
		at, err := strconv.ParseInt(os.Getenv("STATE_FAULT_AT"), 10, 64)
		if err != nil {
			panic(err)
		}
		faultyNode(dir, at, os.Getenv("STATE_FAULT_ONCE") != "")
	}
	os.Exit(m.Run())
}

// faultyNode is a process that commits blocks on a disk whose at-th write operation fails, and
// the later ones too unless once. It prints each height that Apply returned for.
func faultyNode(dir string, at int64, once bool) {
	var ops atomic.Int64
	o := crashOptions(watched(vfs.Default, func(op errorfs.Op) error {
		if n := ops.Add(1); n == at || n > at && !once {
			return errors.New("injected: the disk is gone")
		}
		return nil
	}))
	o.Fatal = func(error) { os.Exit(exitFatal) }
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(exitError)
		}
	}
	db, err := Open(filepath.Join(dir, "db"), o)
	fail(err)
	for height := int64(1); height <= crashBlocks; height++ {
		b := NewBatch(db.View())
		crashBlock(height, b)
		s, err := db.Stage(height, b)
		fail(err)
		fmt.Println("staged", height, s.AppHash())
		err = db.Apply(s)
		if err != nil {
			_, again := db.Stage(height, b)
			if !errors.Is(again, ErrFailed) || !errors.Is(db.Apply(s), ErrFailed) || !errors.Is(db.Close(), ErrFailed) {
				panic("a failed store goes on")
			}
		}
		fail(err)
		fmt.Println("applied", height)
		if height%4 == 0 {
			if err := db.Checkpoint(); err != nil { // harms nothing
				fmt.Fprintln(os.Stderr, err)
			}
		}
	}
	fmt.Println("operations", ops.Load())
	os.Exit(exitUnharmed)
}

// TestDiskFaults lets write operations fail, once and for good, in a process of its own. It
// may stop or go on, but never with another app hash, and a restart finds every block that
// was applied.
func TestDiskFaults(t *testing.T) {
	w := newTwin(t)
	outcomes := map[int]int{}
	applied, total := runFaulty(t, w, t.TempDir(), 1<<40, false, outcomes)
	require.EqualValues(t, crashBlocks, applied)
	require.Greater(t, total, int64(50))
	const injections = 40
	for i := range int64(injections) {
		dir := t.TempDir()
		height, _ := runFaulty(t, w, dir, 1+i*total/injections, i%4 == 3, outcomes)
		if height == 0 {
			_, err := os.Stat(filepath.Join(dir, "db", "rows", "CURRENT"))
			if err != nil { // the store was never made
				require.ErrorIs(t, err, os.ErrNotExist)
			}
		}
		w.check(t, filepath.Join(dir, "db"), nil, height)
	}
	t.Logf("%d faults: %d did no harm, %d came back as errors, %d stopped through Fatal, %d panicked",
		injections, outcomes[exitUnharmed]-1, outcomes[exitError], outcomes[exitFatal], outcomes[exitPanic])
	require.Greater(t, outcomes[exitError]+outcomes[exitFatal]+outcomes[exitPanic], injections/2)
}

// runFaulty runs the process, checks the app hashes it printed, and returns the last height
// applied and the number of operations if it came to its end.
func runFaulty(t *testing.T, w *twin, dir string, at int64, once bool, outcomes map[int]int) (height, total int64) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), "STATE_FAULT_DIR="+dir, fmt.Sprint("STATE_FAULT_AT=", at))
	if once {
		cmd.Env = append(cmd.Env, "STATE_FAULT_ONCE=1")
	}
	out, err := cmd.Output()
	require.NoError(t, ctx.Err(), "the process hangs after\n%s", out)
	var exit *exec.ExitError
	if err != nil {
		require.ErrorAs(t, err, &exit)
	}
	code := cmd.ProcessState.ExitCode()
	require.Contains(t, []int{exitUnharmed, exitPanic, exitError, exitFatal}, code, "%s", out)
	if code == exitPanic {
		require.NotContains(t, string(exit.Stderr), "a failed store goes on")
	}
	outcomes[code]++
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		n, err := strconv.ParseInt(f[1], 10, 64)
		require.NoError(t, err)
		switch f[0] {
		case "staged":
			require.Equal(t, w.appHash[n].String(), f[2])
		case "applied":
			height = n
		case "operations":
			total = n
		}
	}
	return height, total
}
