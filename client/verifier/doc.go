// Package verifier reads and verifies credit reports.
package verifier
