package model

import (
	"maps"
	"reflect"
	"slices"

	"tradecredit/types"
)

// Model is the whole ledger in memory. Rows are the state's own records, under the state's own keys.
type Model struct {
	chainID      string
	baseCurrency string
	offset       int64 // seconds added to UTC for the civil day

	height   int64
	unix     int64
	seenSums map[string]bool // months that were compared before
	after    Get             // the state that the block left, if somebody knows
	day      int32
	params   types.Parameters // as they stood when the block began
	lists    types.CodeLists  // as well

	undo   []func() // how to take back what the current message, or atomic transaction, changed
	tables []comparer

	references map[string]reference // <signer>/<reference>; never taken back
	logs       map[string][]types.Entry

	comparedRows map[string]int // how many rows of each log were compared

	parameters    *table[types.Parameters]
	members       *table[types.Member]
	keys          *table[types.KeyRecord]
	publicKeys    *table[types.KeyRecord]
	proposals     *table[types.Proposal]
	enterprises   *table[types.Enterprise]
	delegations   *table[types.Delegation]
	usages        *table[types.Usage]
	orders        *table[types.Order]
	movements     *table[types.Movement]
	declarations  *table[types.Declaration]
	customsEvents *table[types.CustomsRecord]
	documents     *table[types.Document]
	receivables   *table[types.Receivable]
	settlements   *table[types.Settlement]
	fixings       *table[types.Fixing]
	consents      *table[types.Consent]
	receipts      *table[types.Receipt]
	transferables *table[types.Transferable]
	taxEvents     *table[types.TaxRecord]
	fxEvents      *table[types.FxRecord]
	encumbrances  *table[types.Encumbrance]
	progresses    *table[types.Progress]
	returns       *table[types.ReturnRecord]
	returnSteps   *table[types.ReturnStep]
	traces        *table[types.Trace]
	lots          *table[types.Lot]
	parcelBatches *table[types.ParcelBatch]
	codeLists     *table[types.CodeLists]
	codeRows      *table[types.CodeRow]
	validators    *table[types.ValidatorSet]
	epochs        *table[types.Epochs]
	upgrade       *table[types.UpgradePlan]
	modelPlan     *table[types.ModelPlan]
	modelStates   *table[types.ModelState]
	models        *table[types.Model]
	validations   *table[types.Validation]
	attestations  *table[types.Attestation]
	versions      *table[types.RecordVersion]
	creditNotes   *table[types.CreditNote]
	offers        *table[types.Offer]
	financings    *table[types.Financing]
	repayments    *table[types.Repayment]
	fingerprints  *table[types.FingerprintHits]
	policies      *table[types.Policy]
	claims        *table[types.Claim]
	adverses      *table[types.Adverse]
	adverseMarks  *table[types.AdverseMarks]
	disputes      *table[types.Dispute]
	disputed      *table[types.DisputedItem]
	statements    *table[types.Statement]
	dues          *table[types.Due]
}

// New is the model of a network that begins with this genesis, at height 0. The genesis must be valid.
func New(g *types.Genesis, chainID string, genesisUnix int64) *Model {
	m := &Model{chainID: chainID, baseCurrency: g.BaseCurrency, offset: g.DayOffsetS, unix: genesisUnix,
		references: map[string]reference{}, logs: map[string][]types.Entry{},
		comparedRows: map[string]int{}, seenSums: map[string]bool{}}
	m.makeTables()
	p, err := g.InitialParameters()
	if err != nil {
		panic("model: " + err.Error())
	}
	m.parameters.put(types.ParametersKey, p)
	for _, gm := range g.Members {
		m.members.put(types.MemberKey(gm.ID), types.Member{Id: gm.ID, ControlGroup: gm.ControlGroup,
			Jurisdiction: gm.Jurisdiction, Roles: gm.Roles, Status: types.MemberStatus_LIVE, NameDigest: gm.NameDigest})
		for _, k := range gm.Keys {
			m.putKey(types.KeyRecord{Holder: gm.ID, Id: k.ID, Role: k.Role, Algorithm: k.Algorithm, PublicKey: k.PublicKey,
				Status: types.KeyStatus_KEY_LIVE})
		}
	}
	for _, v := range g.Validators {
		m.addValidator(v.PublicKey, v.Power, v.Member)
	}
	m.upgrade.put(types.UpgradeKey, types.UpgradePlan{AppVersion: 1})
	m.modelPlan.put(types.ModelPlanKey, types.ModelPlan{Active: firstModel})
	m.modelStates.put(types.ModelStateKey(firstModel), types.ModelState{Model: firstModel, Status: types.ModelStatus_MODEL_ACTIVE})
	m.undo = nil
	return m
}

// firstModel is the scorecard that a network begins with.
const firstModel = "expert-v1"

// AdoptValidators adds validators that a genesis does not name, for whom nobody answers: those of the engine's own.
func (m *Model) AdoptValidators(keys [][]byte, powers []int64) {
	for i, k := range keys {
		m.addValidator(k, powers[i], "")
	}
}

func (m *Model) addValidator(key []byte, power int64, member string) {
	set := m.validators.at(types.ValidatorsKey)
	set.Validators = append(set.Validators, &types.ValidatorRow{PublicKey: key, Power: power, Member: member, ControlGroup: m.groupOf(member)})
	m.validators.put(types.ValidatorsKey, set)
}

func (m *Model) makeTables() {
	m.parameters = newTable[types.Parameters](m)
	m.members = newTable[types.Member](m)
	m.keys = newTable[types.KeyRecord](m)
	m.publicKeys = newTable[types.KeyRecord](m)
	m.proposals = newTable[types.Proposal](m)
	m.enterprises = newTable[types.Enterprise](m)
	m.delegations = newTable[types.Delegation](m)
	m.usages = newTable[types.Usage](m)
	m.orders = newTable[types.Order](m)
	m.movements = newTable[types.Movement](m)
	m.declarations = newTable[types.Declaration](m)
	m.customsEvents = newTable[types.CustomsRecord](m)
	m.documents = newTable[types.Document](m)
	m.receivables = newTable[types.Receivable](m)
	m.settlements = newTable[types.Settlement](m)
	m.fixings = newTable[types.Fixing](m)
	m.consents = newTable[types.Consent](m)
	m.receipts = newTable[types.Receipt](m)
	m.transferables = newTable[types.Transferable](m)
	m.taxEvents = newTable[types.TaxRecord](m)
	m.fxEvents = newTable[types.FxRecord](m)
	m.encumbrances = newTable[types.Encumbrance](m)
	m.progresses = newTable[types.Progress](m)
	m.returns = newTable[types.ReturnRecord](m)
	m.returnSteps = newTable[types.ReturnStep](m)
	m.traces = newTable[types.Trace](m)
	m.lots = newTable[types.Lot](m)
	m.parcelBatches = newTable[types.ParcelBatch](m)
	m.codeLists = newTable[types.CodeLists](m)
	m.codeRows = newTable[types.CodeRow](m)
	m.validators = newTable[types.ValidatorSet](m)
	m.epochs = newTable[types.Epochs](m)
	m.upgrade = newTable[types.UpgradePlan](m)
	m.modelPlan = newTable[types.ModelPlan](m)
	m.modelStates = newTable[types.ModelState](m)
	m.models = newTable[types.Model](m)
	m.validations = newTable[types.Validation](m)
	m.attestations = newTable[types.Attestation](m)
	m.versions = newTable[types.RecordVersion](m)
	m.creditNotes = newTable[types.CreditNote](m)
	m.offers = newTable[types.Offer](m)
	m.financings = newTable[types.Financing](m)
	m.repayments = newTable[types.Repayment](m)
	m.fingerprints = newTable[types.FingerprintHits](m)
	m.policies = newTable[types.Policy](m)
	m.claims = newTable[types.Claim](m)
	m.adverses = newTable[types.Adverse](m)
	m.adverseMarks = newTable[types.AdverseMarks](m)
	m.disputes = newTable[types.Dispute](m)
	m.disputed = newTable[types.DisputedItem](m)
	m.statements = newTable[types.Statement](m)
	m.dues = newTable[types.Due](m)
}

// Begin opens a block: unix is its time in seconds, never earlier than the block before. Time moves states.
//
// after is the state that the block left, nil if nobody knows yet. Only one thing is read there: how far a walk over the
// records of a compromised key came, and whether a dispute ended, both bounded by work that the rules' text does not count
// out. Without it they are done in one block.
func (m *Model) Begin(height, unix int64, after Get) {
	m.height, m.unix, m.after = height, unix, after
	m.day = types.DayOf(unix, m.offset)
	m.readParameters()
	m.forgetReferences()
	m.beginHeight()
	m.passTime()
	m.undo = nil
}

// readParameters reads what holds for a whole block.
func (m *Model) readParameters() {
	m.params, m.lists = m.parameters.at(types.ParametersKey), m.codeLists.at(types.CodeListsKey)
}

// End closes the block. What is asked now is asked of a block that begins on its state, at its time.
func (m *Model) End() {
	m.undo = nil
	m.readParameters()
}

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
	m.count(t)
	codes = m.apply(t)
	m.references[types.ReferenceKey(t.Body.Signer, t.Body.Reference)] = reference{t.Body.ValidUntilUnix, t.BodyDigest}
	return firstRefusal(codes), codes
}

// Ask predicts what a transaction whose signature is good would come to now, and changes nothing. If it would be accepted,
// look can compare what it would leave.
func (m *Model) Ask(t *types.Tx, look func()) types.Code {
	if code := m.authenticate(t, true); code != types.Code_ok {
		return code
	}
	m.undo = nil
	m.count(t)
	code := firstRefusal(m.apply(t))
	if code == types.Code_ok {
		rows := maps.Clone(m.comparedRows)
		var restore []func()
		for _, t := range m.tables {
			restore = append(restore, t.untouched())
		}
		look()
		m.comparedRows = rows
		for _, f := range restore {
			f()
		}
	}
	m.takeBack(0)
	return code
}

// apply applies the messages in order.
func (m *Model) apply(t *types.Tx) []types.Code {
	codes, start := make([]types.Code, 0, len(t.Body.Messages)), len(m.undo)
	for i, wrapped := range t.Body.Messages {
		mark := len(m.undo)
		c := m.callOf(t, wrapped)
		code := m.governed(reflect.ValueOf(wrapped.Get()))
		if code == types.Code_ok {
			code = rules[c.name](m, c, wrapped.Get())
		}
		if code != types.Code_ok {
			m.takeBack(mark)
		}
		if t.Body.Atomic && code != types.Code_ok && code != types.Code_already_recorded {
			m.takeBack(start)
			codes = slices.Repeat([]types.Code{types.Code_rolled_back}, len(t.Body.Messages))
			codes[i] = code
			return codes
		}
		codes = append(codes, code)
	}
	return codes
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

// sorted are the keys of a map in ascending order.
func sorted[V any](rows map[string]V) []string { return slices.Sorted(maps.Keys(rows)) }
