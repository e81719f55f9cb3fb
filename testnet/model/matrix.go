package model

import (
	_ "embed" // the matrix
	"strings"

	"tradecredit/types"
)

//go:embed matrix.txt
var matrixText string

// cell is one cell of the matrix.
type cell struct {
	message  string
	role     types.Role
	relation types.Relation
}

var relations = map[string]types.Relation{"own": types.OwnRight, "mandate": types.ByMandate, "subject": types.SubjectSelf}

var evidences = map[string]types.Evidence{"-": types.Evidence_EVIDENCE_UNSPECIFIED, "self": types.Evidence_SELF_DECLARED,
	"third": types.Evidence_THIRD_PARTY_VERIFIED, "source": types.Evidence_SOURCE_SIGNED}

// matrix has every cell, messages are its messages in the order of the text.
var matrix, messages = readMatrix(matrixText)

func readMatrix(text string) (map[cell]types.Evidence, []string) {
	cells, names := map[cell]types.Evidence{}, []string{}
	var roles []types.Role
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || f[0] == "#":
			continue
		case types.Role_value[f[0]] != 0:
			roles = nil
			for _, name := range f {
				roles = append(roles, types.Role(types.Role_value[name]))
			}
			continue
		case len(f) != len(roles)+2 || relations[f[1]] == 0:
			panic("model: matrix.txt: " + line)
		}
		if len(names) == 0 || names[len(names)-1] != f[0] {
			names = append(names, f[0])
		}
		for i, role := range roles {
			evidence, ok := evidences[f[2+i]]
			c := cell{f[0], role, relations[f[1]]}
			if _, twice := cells[c]; !ok || twice {
				panic("model: matrix.txt: " + line)
			}
			cells[c] = evidence
		}
	}
	return cells, names
}

// permission is the evidence that a role's signature makes of a message, EVIDENCE_UNSPECIFIED where it may not sign it.
func permission(message string, role types.Role, rel types.Relation) types.Evidence {
	return matrix[cell{message, role, rel}]
}

// mandatable tells whether a message may stand in a mandate: whether anybody may sign it under one.
func mandatable(message string) bool {
	for role := types.Role_COUNCIL; role <= types.Role_ENTERPRISE; role++ {
		if permission(message, role, types.ByMandate) != types.Evidence_EVIDENCE_UNSPECIFIED {
			return true
		}
	}
	return false
}
