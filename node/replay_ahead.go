package node

import "tradecredit/app"

// aheadRun is the rules of the next block, at work beside the roots and the commit of the one before.
type aheadRun struct {
	run  *app.Run
	err  error
	done chan struct{}
}

// drop waits for it and lets go of it; nil: there is none.
func (r *aheadRun) drop() {
	if r == nil {
		return
	}
	if <-r.done; r.run != nil {
		r.run.Drop()
	}
}

// runRules runs the rules of a block, or takes what was run ahead, and begins with those of the next.
func (r *replayer) runRules(cur, next *checkedBlock) (run *app.Run, err error) {
	if x := r.ahead; x != nil {
		r.ahead = nil
		<-x.done
		if x.err == nil {
			x.err = r.app.Settle(x.run)
		}
		run, err = x.run, x.err
	} else {
		run, err = r.app.Run(r.decided(cur))
	}
	if err == nil && next != nil && cur.height < r.until {
		x, d := &aheadRun{done: make(chan struct{})}, r.decided(next)
		r.ahead = x
		go func() {
			defer close(x.done)
			x.run, x.err = r.app.RunAhead(d, run)
		}()
	}
	return run, err
}
