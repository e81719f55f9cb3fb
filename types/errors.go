package types

import (
	"errors"
	"fmt"
)

// Error is a refusal: a Code, which is consensus, and words, which are not.
// Every other kind of error in the rules means that the machine failed, and halts the node.
type Error struct {
	Code   Code
	Detail string // names the field, the rule and what to do; may be empty
}

// Error is the code's name and the words.
func (e *Error) Error() string {
	if e.Detail == "" {
		return e.Code.String()
	}
	return e.Code.String() + ": " + e.Detail
}

// Is compares codes, so that errors.Is(err, types.Refuse(types.Code_x, "")) works.
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Code == e.Code
}

// Refuse makes a refusal.
func Refuse(c Code, format string, args ...any) *Error {
	return &Error{Code: c, Detail: fmt.Sprintf(format, args...)}
}

// CodeOf returns the code of a refusal and whether err is one; nil is ok.
func CodeOf(err error) (Code, bool) {
	if err == nil {
		return Code_ok, true
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code, true
	}
	return 0, false
}

// DetailOf returns the words of a refusal without the name of its code; of any other error all of it.
func DetailOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Detail
	}
	return err.Error()
}

// Node-local codes are no part of the consensus enum: a node's temporary reasons not to take a transaction now.
// Retry later with the same reference.
const (
	NodeCodeFull      Code = 32000 // the node's mempool is full
	NodeCodeBehind    Code = 32001 // the node is still catching up
	NodeCodeQuota     Code = 32002 // the member's share of the mempool is used up
	NodeCodeStopping  Code = 32003 // the node is shutting down
	NodeCodeDuplicate Code = 32004 // the same transaction is already waiting for a block
)

// Transient tells whether a code may go away by itself, so that the same transaction is worth sending again.
func (x Code) Transient() bool { return x >= 32000 }
