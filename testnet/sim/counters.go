package sim

import (
	"fmt"
	"slices"
	"strings"

	"tradecredit/types"
)

// What the driver counts besides messages and codes.
const (
	crashedBeforeFinalize = "power lost before FinalizeBlock"
	crashedBeforeCommit   = "power lost between FinalizeBlock and Commit"
	crashedAfterCommit    = "power lost after Commit"
	crashedFirstBlock     = "power lost before the first Commit"
	restarted             = "clean restart"
	replayed              = "block replayed after a restart"
	wasDown               = "replica down for some blocks"
	restoredSnapshot      = "replica filled from a snapshot"
	secondRound           = "second round"
	otherBlock            = "another block processed before FinalizeBlock"
	finalizedTwice        = "FinalizeBlock twice for a height"
	finalizedOther        = "FinalizeBlock after another block of the height"
	proposalRejected      = "proposal rejected by all"
	decidedRejected       = "block decided that ProcessProposal rejects"
	rolledBack            = "atomic transaction rolled back"
	largeBatch            = "transaction of 100 messages or more"
	validatorsChanged     = "validator set changed"
	monthChanged          = "today in another month"
	leapDay               = "today is 29 February"
	fold                  = "sums folded from the logs again"
)

// required are the counters that a run over many seeds must have reached, besides what Missing derives from the table of
// messages and the kinds of what falls due.
var required = []string{
	crashedBeforeFinalize, crashedBeforeCommit, crashedAfterCommit, crashedFirstBlock, restarted, replayed, wasDown,
	restoredSnapshot, secondRound, otherBlock, finalizedTwice, finalizedOther, proposalRejected, decidedRejected, rolledBack,
	largeBatch, validatorsChanged, monthChanged, leapDay, fold,
	code(types.Code_reference_used), code(types.Code_reference_conflict), code(types.Code_signature_invalid),
	code(types.Code_tx_malformed), code(types.Code_tx_expired), code(types.Code_chain_id_differs), code(types.Code_already_recorded),
	code(types.Code_id_taken),
}

// Counters say how often something was reached, in one run or in several.
type Counters struct{ n map[string]int }

// NewCounters has reached nothing.
func NewCounters() *Counters { return &Counters{n: map[string]int{}} }

func (c *Counters) hit(what string) { c.n[what]++ }

// Of is how often something was reached.
func (c *Counters) Of(what string) int { return c.n[what] }

// Add adds what another run reached.
func (c *Counters) Add(o *Counters) {
	for what, n := range o.n {
		c.n[what] += n
	}
}

// Codes is the number of different codes that transactions and messages came back with.
func (c *Counters) Codes() int {
	codes := 0
	for what := range c.n {
		if strings.HasPrefix(what, "code ") {
			codes++
		}
	}
	return codes
}

// Missing lists what should have been reached and was not, in order.
func (c *Counters) Missing() []string {
	want := slices.Clone(required)
	for _, row := range types.Table {
		want = append(want, accepted(row.Name), refused(row.Name))
	}
	for kind := range types.DueKind_name {
		if kind != 0 {
			want = append(want, fellDue(types.DueKind(kind)))
		}
	}
	want = slices.DeleteFunc(want, func(what string) bool { return c.n[what] > 0 })
	slices.Sort(want)
	return want
}

// String lists everything that was reached, in order.
func (c *Counters) String() string {
	var names []string
	for what := range c.n {
		names = append(names, what)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, what := range names {
		fmt.Fprintf(&b, "%9d  %s\n", c.n[what], what)
	}
	return b.String()
}

func accepted(message string) string    { return "accepted " + message }
func refused(message string) string     { return "refused " + message }
func code(c types.Code) string          { return "code " + c.String() }
func atTheGate(c types.Code) string     { return "at the gate " + c.String() }
func fellDue(kind types.DueKind) string { return "fell due " + kind.String() }
