package ledger

import (
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// AddStatement: an enterprise says what it has to say to a record about it.
//
// Signed by an enterprise that the record is about, itself or through a delegate. Writes statement/<id>, of which the
// ledger keeps the digest only, and its place in the record's row disputed/<item>, so that whoever reads the record finds it; posts
// STATEMENT to the enterprise's log. It counts nowhere. At most eight statements of an enterprise to a record.

const maxStatements = 8

// checkAddStatement refuses what no state could make valid.
func checkAddStatement(m *types.AddStatement) error {
	return firstRefusal(
		types.CheckSourceID(m.Id),
		checkItem(m.Record),
		types.CheckDigest(m.StatementDigest),
		checkStatable(m.Record),
	)
}

func checkStatable(key string) error {
	if kind, _ := itemKindOf(key); kind == nil {
		return types.Refuse(types.Code_statement_unfit, "%.80q is no record about an enterprise", key)
	}
	return nil
}

// addStatement checks: id, the signer's part, record, whom it is about, number of statements.
func addStatement(tx *Tx, m *types.AddStatement) error {
	id := tx.RecordID(m.Id)
	old, err := state.Get(tx, types.StatementKey(id))
	if err != nil {
		return err
	}
	if old != nil {
		return again(tx, "statement", types.StatementKey(id), old, old.Provenance)
	}
	subject := tx.actor()
	if _, err := tx.enterprise(subject); err != nil {
		return err
	}
	if err := tx.actsFor(subject, 0); err != nil {
		return err
	}
	it, err := tx.item(m.Record)
	if err != nil {
		return err
	}
	if !slices.Contains(it.about, subject) {
		return types.Refuse(types.Code_item_of_another, "%s is about %v", m.Record, it.about)
	}
	if err := tx.addTo(m.Record, &types.StatementRef{Statement: id, Subject: subject}); err != nil {
		return err
	}
	s := &types.Statement{Statement: m, Subject: subject, Provenance: tx.provenance(tx.Block.Today())}
	if err := tx.note(subject, types.EntryKind_ENTRY_STATEMENT, string(types.StatementKey(id)), s.Provenance); err != nil {
		return err
	}
	return state.Set(tx, types.StatementKey(id), s)
}

// addTo adds a statement to an item's row.
func (tx *Tx) addTo(item string, ref *types.StatementRef) error {
	key := types.DisputedItemKey(item)
	row, err := state.Get(tx, key)
	if err != nil {
		return err
	}
	if row == nil {
		row = &types.DisputedItem{}
	}
	given := 0
	for _, s := range row.Statements {
		if s.Subject == ref.Subject {
			given++
		}
	}
	if given >= maxStatements {
		return types.Refuse(types.Code_statement_unfit, "%s said %d things to %s", ref.Subject, maxStatements, item)
	}
	row.Statements = append(row.Statements, ref)
	return state.Set(tx, key, row)
}
