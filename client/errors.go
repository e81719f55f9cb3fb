package client

import (
	"errors"
	"fmt"

	"tradecredit/client/verifier"
)

// Every way in which an answer or a report can fail, one error each; wrapped with detail.
// Failures of the state proof itself are the ErrProof errors of package types.
var (
	// Headers and trust.
	ErrNoTrust          = verifier.ErrNoTrust
	ErrTrustMalformed   = verifier.ErrTrustMalformed
	ErrTrustExpired     = verifier.ErrTrustExpired
	ErrHeaderMalformed  = verifier.ErrHeaderMalformed
	ErrHeaderEncoding   = verifier.ErrHeaderEncoding
	ErrOtherChain       = verifier.ErrOtherChain
	ErrHeaderForged     = verifier.ErrHeaderForged
	ErrHeaderNotNewer   = errors.New("header is not newer than the trusted one")
	ErrHeaderTime       = verifier.ErrHeaderTime
	ErrHeaderFuture     = verifier.ErrHeaderFuture
	ErrValidatorsDiffer = verifier.ErrValidatorsDiffer
	ErrValidatorsPinned = verifier.ErrValidatorsPinned
	ErrTrustOverlap     = verifier.ErrTrustOverlap
	ErrPowerShort       = verifier.ErrPowerShort
	ErrHeaderSignature  = verifier.ErrHeaderSignature
	ErrWitnessConflict  = errors.New("two nodes show different verified headers of one height: somebody signed twice")
	ErrNoWitness        = errors.New("no witness confirmed the header: ask nodes of other members")
	ErrConflictFile     = errors.New("evidence of two headers of one height proves nothing")
	ErrTooManyHeaders   = errors.New("the validators changed more often than headers may be fetched")
	ErrTrustStore       = errors.New("trust store is damaged")
	ErrTrustStoreOther  = errors.New("trust store grew from another trust file")
	ErrTrustStoreBusy   = errors.New("trust store is being written by another program")

	// Answers about records.
	ErrOtherKey    = errors.New("answer is about another key")
	ErrOtherList   = errors.New("answer is another list than was asked")
	ErrOtherHeight = errors.New("answer is about another height than was asked")
	ErrOldHeight   = errors.New("answer is older than the least height that was asked")
	ErrHeightSlip  = verifier.ErrHeightSlip
	ErrStale       = verifier.ErrStale
	ErrUnproved    = errors.New("answer carries no proof")
	ErrValue       = verifier.ErrValue
	ErrAnswer      = errors.New("answer cannot be read")
	ErrAnswerSize  = errors.New("answer is too large")

	// Complete lists.
	ErrEntriesMissing = errors.New("a node shows fewer entries than are proved to be in the enterprise's log")
	ErrEntriesDiffer  = errors.New("entries are not those of the enterprise's log: one is missing, added, changed or in another place")

	// Nodes.
	ErrUnreachable = errors.New("no node answered")
	ErrBusy        = errors.New("the nodes are busy; try again later")
	ErrNotFinal    = errors.New("not final in time: nothing is acknowledged; send it again with the same reference")
	ErrNotAll      = errors.New("the answer does not have one result for each transaction")
)

// APIError is a refusal by a node's API that is no result of a transaction.
type APIError struct {
	Status  int    // HTTP status
	Message string // what happened
	Hint    string // what to do; may be empty
}

// Error is the message, the hint and the status.
func (e *APIError) Error() string {
	if e.Hint == "" {
		return fmt.Sprintf("%s (HTTP %d)", e.Message, e.Status)
	}
	return fmt.Sprintf("%s: %s (HTTP %d)", e.Message, e.Hint, e.Status)
}
