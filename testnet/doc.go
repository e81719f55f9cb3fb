// Package testnet runs networks on one machine, and tells the truth about them: end-to-end tests, the tests that hold the
// shape of the code (imports, pins, purity, length), and beside it the programs demo, localnet and bench. Nothing imports
// it but those programs.
package testnet
