//go:build crashpoints

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// exitCrashPoint is the status of a process that ended where it was told to.
const exitCrashPoint = 86

// crashProbe ends the process at the place that the variable CRASH_POINT names, "apply.synced" the first time it is there,
// "apply.synced:3" the third time, without closing anything.
func crashProbe() func(point string) {
	name, which, counted := strings.Cut(os.Getenv("CRASH_POINT"), ":")
	if name == "" {
		return nil
	}
	left := int64(1)
	if counted {
		var err error
		if left, err = strconv.ParseInt(which, 10, 64); err != nil || left < 1 {
			fmt.Fprintln(os.Stderr, "CRASH_POINT: not a count:", which)
			os.Exit(1)
		}
	}
	var met atomic.Int64
	return func(point string) {
		if point == name && met.Add(1) == left {
			fmt.Fprintf(os.Stderr, "*** ended at %s, time %d ***\n", name, left)
			os.Exit(exitCrashPoint)
		}
	}
}
