package model

import (
	"maps"

	"tradecredit/types"
)

// rule is what the text says of one message: the code, and when it is ok the changes.
type rule func(m *Model, c *call, msg types.Msg) types.Code

// on makes a rule of a function over one kind of message.
func on[M any](f func(*Model, *call, *M) types.Code) rule {
	return func(m *Model, c *call, msg types.Msg) types.Code {
		x, _ := msg.(*M)
		return f(m, c, x)
	}
}

// rules are all areas together, by the message's name.
var rules = together(rulesOfGovernance, rulesOfKeys, rulesOfSubjects, rulesOfOrders, rulesOfLogistics, rulesOfCustoms,
	rulesOfDocuments, rulesOfTax, rulesOfServices, rulesOfReturns, rulesOfTraces, rulesOfFinancing, rulesOfTransferables,
	rulesOfInsurance, rulesOfAdverse, rulesOfDisputes, rulesOfCorrections, rulesOfReceivables, rulesOfSettlements, rulesOfConsent,
	rulesOfCodeLists, rulesOfModels)

func together(areas ...map[string]rule) map[string]rule {
	all := map[string]rule{}
	for _, area := range areas {
		for name := range area {
			if all[name] != nil {
				panic("model: two rules for " + name)
			}
		}
		maps.Copy(all, area)
	}
	return all
}

// refusal returns the first code that is not ok.
func refusal(codes ...types.Code) types.Code {
	for _, c := range codes {
		if c != types.Code_ok {
			return c
		}
	}
	return types.Code_ok
}

// unless is the code when the condition does not hold.
func unless(holds bool, c types.Code) types.Code {
	if holds {
		return types.Code_ok
	}
	return c
}

// when is the code when the condition holds.
func when(holds bool, c types.Code) types.Code { return unless(!holds, c) }

// either chooses between two codes.
func either(first bool, a, b types.Code) types.Code {
	if first {
		return a
	}
	return b
}

// lowest returns the lowest code that is not ok: codes are numbered from cheap to dear, and shape checks go by them.
func lowest(codes ...types.Code) types.Code {
	low := types.Code_ok
	for _, c := range codes {
		if c != types.Code_ok && (low == types.Code_ok || c < low) {
			low = c
		}
	}
	return low
}

// codeOf is the code of a check of package types.
func codeOf(err error) types.Code {
	c, ok := types.CodeOf(err)
	if !ok {
		panic("model: a check that is no refusal: " + err.Error())
	}
	return c
}
