package model

import (
	"maps"
	"slices"

	"tradecredit/types"
)

// Model is the whole ledger in memory.
type Model struct {
	chainID      string
	baseCurrency string
	offset       int64 // seconds added to UTC for the civil day
	genesisUnix  int64

	height int64
	unix   int64
	day    int32
	params map[string]int64 // as they stood when the block began

	undo []func() // how to take back what the current message, or atomic transaction, changed

	parameters    table[int64]
	members       table[member]
	keys          table[key]    // <holder>/<id>
	publicKeys    table[string] // public key → <holder>/<id>
	proposals     table[proposal]
	enterprises   table[enterprise]
	delegations   table[delegation] // <subject>/<delegate>
	usages        table[usage]
	references    map[string]reference // <signer>/<reference>; never taken back
	orders        table[order]
	movements     table[movement]
	declarations  table[declaration]
	customsEvents table[customsEvent]
	documents     table[document]
	receivables   table[receivable]
	settlements   table[settlement] // the 32 bytes
	fixings       table[fixing]     // <currency>/<day>
	consents      table[consent]
	receipts      table[receipt]
	dues          table[due]

	facts []fact // every counted or uncounted event, in the order they came
}

// New is the model of a network that begins with this genesis, at height 0. The genesis must be valid.
func New(g *types.Genesis, chainID string, genesisUnix int64) *Model {
	m := &Model{chainID: chainID, baseCurrency: g.BaseCurrency, offset: g.DayOffsetS, genesisUnix: genesisUnix,
		unix: genesisUnix, references: map[string]reference{}}
	m.parameters, m.members, m.keys = newTable[int64](m), newTable[member](m), newTable[key](m)
	m.publicKeys, m.proposals = newTable[string](m), newTable[proposal](m)
	m.enterprises, m.delegations, m.usages = newTable[enterprise](m), newTable[delegation](m), newTable[usage](m)
	m.orders, m.movements, m.declarations = newTable[order](m), newTable[movement](m), newTable[declaration](m)
	m.customsEvents, m.documents = newTable[customsEvent](m), newTable[document](m)
	m.receivables, m.settlements, m.fixings = newTable[receivable](m), newTable[settlement](m), newTable[fixing](m)
	m.consents, m.receipts, m.dues = newTable[consent](m), newTable[receipt](m), newTable[due](m)
	for _, row := range types.ParameterTable {
		m.parameters.put(row.Name, row.Default)
	}
	for _, set := range g.Parameters {
		m.parameters.put(set.Name, set.Value)
	}
	for _, gm := range g.Members {
		m.members.put(gm.ID, member{group: gm.ControlGroup, jurisdiction: gm.Jurisdiction, roles: gm.Roles, live: true})
		for _, k := range gm.Keys {
			m.putKey(key{holder: gm.ID, id: k.ID, role: k.Role, algorithm: k.Algorithm, public: string(k.PublicKey)})
		}
	}
	m.undo = nil
	return m
}

// Begin opens a block: unix is its time in seconds, never earlier than the block before. Time moves states.
func (m *Model) Begin(height, unix int64) {
	m.height, m.unix = height, unix
	m.day = dayOf(unix + m.offset)
	m.params = maps.Clone(m.parameters.rows)
	m.forgetReferences()
	m.passTime()
	m.undo = nil
}

// End closes the block.
func (m *Model) End() { m.undo = nil }

// Deliver predicts one transaction: the code of its result, and one code a message; codes is nil when it does not
// authenticate, and then nothing changed.
func (m *Model) Deliver(t *types.Tx, decodeErr error, verified bool) (code types.Code, codes []types.Code) {
	if decodeErr != nil {
		return codeOf(decodeErr), nil
	}
	m.undo = nil
	if code := m.authenticate(t, verified); code != types.Code_ok {
		return code, nil
	}
	codes = m.apply(t)
	m.references[t.Body.Signer+"/"+t.Body.Reference] = reference{until: t.Body.ValidUntilUnix, digest: t.BodyDigest,
		height: m.height, codes: codes}
	return firstRefusal(codes), codes
}

// apply applies the messages in order.
func (m *Model) apply(t *types.Tx) []types.Code {
	codes := make([]types.Code, 0, len(t.Body.Messages))
	m.undo = nil
	bad := -1
	for i, wrapped := range t.Body.Messages {
		mark := len(m.undo)
		c := m.callOf(t, wrapped)
		r := rules[c.name]
		if r == nil {
			panic("model: no rule for " + c.name)
		}
		code := r(m, c, wrapped.Get())
		if code != types.Code_ok {
			m.takeBack(mark)
		}
		codes = append(codes, code)
		if t.Body.Atomic && refuses(code) {
			bad = i
			break
		}
	}
	if bad < 0 {
		return codes
	}
	m.takeBack(0)
	refused := codes[bad]
	codes = slices.Repeat([]types.Code{types.Code_rolled_back}, len(t.Body.Messages))
	codes[bad] = refused
	return codes
}

// refuses tells a refusal from what was accepted: a record that stands already is no reason to undo an atomic transaction.
func refuses(c types.Code) bool {
	return c != types.Code_ok && c != types.Code_already_recorded
}

// firstRefusal is the code of a transaction: ok if all were accepted, else that of the first that was not.
func firstRefusal(codes []types.Code) types.Code {
	for _, c := range codes {
		if c != types.Code_ok && c != types.Code_rolled_back {
			return c
		}
	}
	return types.Code_ok
}

func (m *Model) takeBack(mark int) {
	for i := len(m.undo) - 1; i >= mark; i-- {
		m.undo[i]()
	}
	m.undo = m.undo[:mark]
}
