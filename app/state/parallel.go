package state

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// parallelFrom is the number of items from which a second goroutine is worth its start.
const parallelFrom = 64

// inParallel calls do for 0 … n-1, on several cores if that is worth it. The calls must be
// independent of each other: their order must not matter to the result.
func inParallel(n int, do func(i int)) {
	workers := min(runtime.GOMAXPROCS(0), n/parallelFrom)
	if workers <= 1 {
		for i := range n {
			do(i)
		}
		return
	}
	const stride = 16
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				end := int(next.Add(stride))
				for i := end - stride; i < min(end, n); i++ {
					do(i)
				}
				if end >= n {
					return
				}
			}
		})
	}
	wg.Wait()
}
