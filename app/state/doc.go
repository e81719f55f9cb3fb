// Package state is the authenticated, versioned key-value store of the ledger, on Pebble.
package state
