package sim

import (
	"errors"
	"fmt"
	"strings"

	"tradecredit/app/state"
	"tradecredit/testnet/model"
	"tradecredit/types"
)

// predictions makes a model that says what every transaction comes to and what every record holds; blocks is how long
// the run is: now and then, and after the last one, everything is compared, with the sums that scores read.
func predictions(blocks int64) func(*types.Genesis, string, int64) *Oracle {
	return func(g *types.Genesis, chainID string, unix int64) *Oracle {
		m, at := model.New(g, chainID, unix), int64(0)
		return &Oracle{
			Begin: func(height, unix int64, after state.Reader) {
				at = height
				m.Begin(height, unix, after.Get)
			},
			Deliver: func(t *types.Tx, verified bool) (types.Code, []types.Code) { return m.Deliver(t, nil, verified) },
			End: func(r state.Reader) error {
				m.End()
				differences := append(m.Compare(r.Get), m.CompareLogs(r.Entry)...)
				if at == blocks || at%50 == 0 {
					differences = append(differences, m.CompareAll(r.Get)...)
				}
				if len(differences) > 0 {
					return errors.New("the state is not the model's:\n" + strings.Join(differences, "\n"))
				}
				return nil
			},
			Ask: func(t *types.Tx, code types.Code, left state.Reader) error {
				var differences []string
				predicted := m.Ask(t, func() {
					if code == types.Code_ok {
						differences = append(m.Compare(left.Get), m.CompareLogs(left.Entry)...)
					}
				})
				switch {
				case predicted != code:
					return fmt.Errorf("the application says %s, the model %s", code, predicted)
				case len(differences) > 0:
					return errors.New("it leaves something else than the model:\n" + strings.Join(differences, "\n"))
				}
				return nil
			},
		}
	}
}
