package model

import "tradecredit/types"

// post appends a row to a subject's log and returns its number plus one. Whatever scores read is a fold over these rows;
// the model folds them only when it compares.
func (m *Model) post(subject string, e types.Entry) uint64 {
	e.Height = m.height
	n := len(m.logs[subject])
	m.logs[subject] = append(m.logs[subject], e)
	m.undo = append(m.undo, func() { m.logs[subject] = m.logs[subject][:n] })
	return uint64(n) + 1
}

// entryOf is the row that a record leaves: who signed it, on what day, whether it counts.
func entryOf(kind types.EntryKind, record string, p *types.Provenance, day int32) types.Entry {
	e := types.Entry{Kind: kind, Record: record, Day: day, Counted: p.Counted, Late: p.Late, Evidence: p.Evidence}
	if p.Role != types.Role_ENTERPRISE {
		e.Member = p.Signer
	}
	return e
}
