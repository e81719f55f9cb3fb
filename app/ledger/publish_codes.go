package ledger

import (
	"bytes"
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// PublishCodes: a council seat brings rows of a version of a code list that was adopted (code_lists.go).
//
// Signed by COUNCIL. Writes code/<list>/<version>/<code> and leaf "code-lists". Rows come in ascending order without gaps:
// first says how many came before. With the last row count and root are compared with what was adopted; if they are
// equal the version is in force from the next block on, and the lists' revision grows by one; if not, these rows are
// refused. Then either they were wrong, and others may come, or earlier ones were, and the council adopts another version.

// maxRows of one message.
const maxRows = 256

// checkPublishCodes refuses what no state could make valid.
func checkPublishCodes(m *types.PublishCodes) error {
	if err := checkVersion(m.Version); err != nil {
		return err
	}
	if err := required(m.List, "list"); err != nil {
		return err
	}
	for i, r := range m.Rows {
		if i > 0 && m.Rows[i-1].Code >= r.Code {
			return types.Refuse(types.Code_list_not_sorted, "codes ascend, without repetition")
		}
	}
	if n := len(m.Rows); n < 1 || n > maxRows {
		return types.Refuse(types.Code_count_out_of_range, "%d rows, 1 to %d", n, maxRows)
	}
	for _, r := range m.Rows {
		if err := types.CheckCodeRow(m.List, r); err != nil {
			return err
		}
	}
	return nil
}

// publishCodes checks whether the rows are there, whether they are awaited, their place, and with the last one the root.
func publishCodes(tx *Tx, m *types.PublishCodes) error {
	there, err := published(tx, m)
	if err != nil {
		return err
	}
	if there {
		return types.Refuse(types.Code_already_recorded, "%s of %s has these rows", m.Version, m.List)
	}
	lists, err := codeLists(tx)
	if err != nil {
		return err
	}
	s := listState(lists, m.List)
	switch {
	case s == nil || s.Coming == nil || s.Coming.Version != m.Version:
		return types.Refuse(types.Code_code_list_not_coming, "version %s of %s is not on its way", m.Version, m.List)
	case m.First != s.Received:
		return types.Refuse(types.Code_code_rows_out_of_order, "%d rows came, these begin after %d", s.Received, m.First)
	case m.Rows[0].Code <= s.LastCode:
		return types.Refuse(types.Code_code_rows_out_of_order, "%s does not follow %s", m.Rows[0].Code, s.LastCode)
	case uint64(s.Received)+uint64(len(m.Rows)) > uint64(s.Coming.Count):
		return types.Refuse(types.Code_code_rows_out_of_order, "%d rows were adopted, these would be %d", s.Coming.Count, int(s.Received)+len(m.Rows))
	}
	if err := tx.takeRows(s, m); err != nil {
		return err
	}
	if s.Received == s.Coming.Count {
		if err := tx.inForce(lists, s); err != nil {
			return err
		}
	}
	return state.Set(tx, types.CodeListsKey, lists)
}

// published tells whether all rows of a message are there, as they are.
func published(r state.Reader, m *types.PublishCodes) (bool, error) {
	for _, row := range m.Rows {
		old, err := state.Get(r, types.CodeRowKey(m.List, m.Version, row.Code))
		if err != nil || old == nil || old.Exponent != row.Exponent {
			return false, err
		}
	}
	return true, nil
}

// takeRows writes rows and appends them to the range of what came.
func (tx *Tx) takeRows(s *types.CodeListState, m *types.PublishCodes) error {
	f := types.Frontier(s.Frontier)
	for _, row := range m.Rows {
		value, err := row.Marshal()
		if err != nil {
			return err
		}
		if f, err = f.Append(uint64(s.Received), types.LogLeafHash(value)); err != nil {
			return types.Refuse(types.Code_inconsistent_state, "%s: %v", m.List, err)
		}
		if err := state.Set(tx, types.CodeRowKey(m.List, m.Version, row.Code), row); err != nil {
			return err
		}
		s.Received, s.LastCode = s.Received+1, row.Code
	}
	s.Frontier = f
	return nil
}

// inForce compares a whole version with what was adopted, and puts it in force.
func (tx *Tx) inForce(lists *types.CodeLists, s *types.CodeListState) error {
	root, err := types.Frontier(s.Frontier).Root(uint64(s.Received))
	if err != nil {
		return types.Refuse(types.Code_inconsistent_state, "%s: %v", s.List, err)
	}
	adopted := s.Coming
	if !bytes.Equal(root, adopted.Digest) {
		return types.Refuse(types.Code_code_list_digest_differs, "version %s of %s: the rows have the root %x, adopted was %x", adopted.Version, adopted.List, root[:4], adopted.Digest[:4])
	}
	if base := tx.Block.Chain.BaseCurrency; adopted.List == types.CodeListName_CURRENCIES {
		row, err := state.Get(tx, types.CodeRowKey(adopted.List, adopted.Version, base))
		if err != nil {
			return err
		}
		if exponent, _ := types.Exponent(base); row == nil || int(row.Exponent) != exponent {
			return types.Refuse(types.Code_code_not_in_list, "%s, the currency of all sums, with %d decimals", base, exponent)
		}
	}
	s.Version, s.Count, s.Digest = adopted.Version, adopted.Count, adopted.Digest
	s.Coming, s.Received, s.Frontier, s.LastCode = nil, 0, nil, ""
	lists.Revision++
	return nil
}

// listState is the row of a list, nil when nothing was ever adopted.
func listState(lists *types.CodeLists, name types.CodeListName) *types.CodeListState {
	i := slices.IndexFunc(lists.Lists, func(s *types.CodeListState) bool { return s.List == name })
	if i < 0 {
		return nil
	}
	return lists.Lists[i]
}
