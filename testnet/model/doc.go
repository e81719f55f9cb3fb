// Package model is a naive model of the ledger's rules: plain maps and lists, no tree, no store, no cache, no sums kept
// up to date. It is written from the rules' text, the comments of types.proto and the scripts of the rules, and shares
// neither code nor constants with package app/ledger, so that an error has to be made twice to stay unseen.
//
// It predicts, for every transaction of every block, the result code and the codes of its messages, and what the state
// holds after the block: statuses, amounts, open balances, quotas, uses of consents, and the sums that scores read,
// which it recomputes from its own list of facts.
//
// # Use
//
//	m := model.New(genesis, chainID, genesisUnix)   // as given to InitChain, at height 0
//	for each block {
//		m.Begin(height, unix, view.Get)             // time moves states; the view is of the block once it is committed
//		for each transaction of the block, in order {
//			t, err := types.Decode(raw)
//			code, codes := m.Deliver(t, err, signatureIsValid)
//			// equal to the application's Code and, by types.EncodeCodes, its Data
//		}
//		m.End()
//		// once the application committed that height:
//		differences := m.Compare(view.Get)          // of what changed since the last comparison
//	}
//	differences := m.CompareAll(view.Get)           // everything, sums too
//
// Deliver with an error of Decode answers its code; t is not looked at then. codes is nil when authentication failed.
// Compare and CompareAll return at most [MaxDifferences] lines, each naming the key, the field, and both values.
//
// A Model has no locks and reads no clock. It keeps everything in memory, which is meant for tens of thousands of
// records.
//
// # How to add a message
//
// Write its rule into the file of its area: func(m *Model, c *call, msg *types.X) types.Code. A rule checks everything
// in the order of its script, then changes tables with put and drop, which can be taken back: what a rule changed is
// undone when it refuses, and when the atomic transaction around it does. Rows are values; a slice inside one is
// replaced, never written into. Name the rule in its area's table (rulesOf…), the area in rules.go, its permissions in
// matrix.txt, and what of its records the state must show in compare.go.
//
// # The matrix
//
// matrix.txt says of every message, role and relation what evidence a signature makes, or "-" where it is refused. It is
// written by hand from the rules' text. The model admits by it, and a test asserts every cell against the application.
package model
