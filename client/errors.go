package client

import (
	"errors"
	"fmt"
)

// Every way in which an answer or a report can fail, one error each; wrapped with detail.
// Failures of the state proof itself are the ErrProof errors of package types.
var (
	// Headers and trust.
	ErrNoTrust          = errors.New("no trust is configured, so nothing can be verified")
	ErrTrustMalformed   = errors.New("trust file is malformed")
	ErrTrustExpired     = errors.New("trust has expired: pin the validators anew from a source you can check")
	ErrHeaderMalformed  = errors.New("light block is malformed")
	ErrHeaderEncoding   = errors.New("light block is not encoded canonically")
	ErrOtherChain       = errors.New("answer is about another chain")
	ErrHeaderForged     = errors.New("header is not the one that was signed")
	ErrHeaderNotNewer   = errors.New("header is not newer than the trusted one")
	ErrHeaderTime       = errors.New("header's time does not fit its height beside the trusted header")
	ErrHeaderFuture     = errors.New("header lies in the future")
	ErrValidatorsDiffer = errors.New("validators are not those the header names")
	ErrValidatorsPinned = errors.New("validators are not those that the trusted header announced")
	ErrTrustOverlap     = errors.New("too little of the trusted validators' power has signed the header")
	ErrPowerShort       = errors.New("two thirds of the validators' power or less have signed the header")
	ErrHeaderSignature  = errors.New("a validator's signature on the header is wrong")
	ErrWitnessConflict  = errors.New("two nodes show different verified headers of one height: somebody signed twice")
	ErrTooManyHeaders   = errors.New("the validators changed more often than headers may be fetched")

	// Answers about records.
	ErrOtherKey    = errors.New("answer is about another key")
	ErrOtherList   = errors.New("answer is another list than was asked")
	ErrOtherHeight = errors.New("answer is about another height than was asked")
	ErrOldHeight   = errors.New("answer is older than the least height that was asked")
	ErrHeightSlip  = errors.New("the header does not prove the state of the answer's height")
	ErrStale       = errors.New("answer is older than the greatest age that was asked")
	ErrUnproved    = errors.New("answer carries no proof")
	ErrValue       = errors.New("proved value is not a record of the kind that was asked")
	ErrAnswer      = errors.New("answer cannot be read")
	ErrAnswerSize  = errors.New("answer is too large")

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
