package types

import "strings"

// Unmarshaler is any record of the state.
type Unmarshaler interface{ Unmarshal([]byte) error }

// Kind says what stands under a prefix of the state's keys, or under one key.
type Kind struct {
	Prefix string             // ends in "/", or is a whole key
	New    func() Unmarshaler // an empty record
}

// Kinds lists every kind of record there is, in the order of keys.go: for whoever shows the state as it stands.
var Kinds = []Kind{
	{string(ChainKey), func() Unmarshaler { return new(Chain) }},
	{string(ParametersKey), func() Unmarshaler { return new(Parameters) }},
	{string(ActiveModelKey), func() Unmarshaler { return new(Model) }},
	{string(ValidatorsKey), func() Unmarshaler { return new(ValidatorSet) }},
	{string(CodeListsKey), func() Unmarshaler { return new(CodeLists) }},
	{string(UpgradeKey), func() Unmarshaler { return new(UpgradePlan) }},
	{string(EpochsKey), func() Unmarshaler { return new(Epochs) }},
	{string(ModelPlanKey), func() Unmarshaler { return new(ModelPlan) }},
	{string(BlockLogKey), func() Unmarshaler { return new(BlockLog) }},
	{string(DueCursorKey), func() Unmarshaler { return new(Due) }},
	{string(Members), func() Unmarshaler { return new(Member) }},
	{string(Keys), func() Unmarshaler { return new(KeyRecord) }},
	{string(Proposals), func() Unmarshaler { return new(Proposal) }},
	{string(Enterprises), func() Unmarshaler { return new(Enterprise) }},
	{string(Delegations), func() Unmarshaler { return new(Delegation) }},
	{string(Orders), func() Unmarshaler { return new(Order) }},
	{string(Movements), func() Unmarshaler { return new(Movement) }},
	{string(Declarations), func() Unmarshaler { return new(Declaration) }},
	{string(CustomsEvents), func() Unmarshaler { return new(CustomsRecord) }},
	{string(Documents), func() Unmarshaler { return new(Document) }},
	{string(Receivables), func() Unmarshaler { return new(Receivable) }},
	{string(Settlements), func() Unmarshaler { return new(Settlement) }},
	{string(Fixings), func() Unmarshaler { return new(Fixing) }},
	{string(Consents), func() Unmarshaler { return new(Consent) }},
	{string(Receipts), func() Unmarshaler { return new(Receipt) }},
	{string(Models), func() Unmarshaler { return new(Model) }},
	{string(Subjects), func() Unmarshaler { return new(SubjectHead) }},
	{string(Months), func() Unmarshaler { return new(MonthSum) }},
	{string(Pairs), func() Unmarshaler { return new(PairSum) }},
	{string(Ranks), func() Unmarshaler { return new(Rank) }},
	{string(Dues), func() Unmarshaler { return new(Due) }},
	{string(Usages), func() Unmarshaler { return new(Usage) }},
	{string(Progresses), func() Unmarshaler { return new(Progress) }},
	{string(Returns), func() Unmarshaler { return new(ReturnRecord) }},
	{string(ReturnSteps), func() Unmarshaler { return new(ReturnStep) }},
	{string(Traces), func() Unmarshaler { return new(Trace) }},
	{string(Lots), func() Unmarshaler { return new(Lot) }},
	{string(ParcelBatches), func() Unmarshaler { return new(ParcelBatch) }},
	{string(Transferables), func() Unmarshaler { return new(Transferable) }},
	{string(CreditNotes), func() Unmarshaler { return new(CreditNote) }},
	{string(TaxEvents), func() Unmarshaler { return new(TaxRecord) }},
	{string(FxEvents), func() Unmarshaler { return new(FxRecord) }},
	{string(Offers), func() Unmarshaler { return new(Offer) }},
	{string(Financings), func() Unmarshaler { return new(Financing) }},
	{string(Encumbrances), func() Unmarshaler { return new(Encumbrance) }},
	{string(Fingerprinted), func() Unmarshaler { return new(FingerprintHits) }},
	{string(Repayments), func() Unmarshaler { return new(Repayment) }},
	{string(Policies), func() Unmarshaler { return new(Policy) }},
	{string(Claims), func() Unmarshaler { return new(Claim) }},
	{string(Adverses), func() Unmarshaler { return new(Adverse) }},
	{string(AdverseSums), func() Unmarshaler { return new(AdverseMarks) }},
	{string(Disputes), func() Unmarshaler { return new(Dispute) }},
	{string(DisputedItems), func() Unmarshaler { return new(DisputedItem) }},
	{string(Statements), func() Unmarshaler { return new(Statement) }},
	{string(Versions), func() Unmarshaler { return new(RecordVersion) }},
	{string(ModelStates), func() Unmarshaler { return new(ModelState) }},
	{string(Validations), func() Unmarshaler { return new(Validation) }},
	{string(Shadows), func() Unmarshaler { return new(Shadow) }},
	{string(Attestations), func() Unmarshaler { return new(Attestation) }},
	{publicKeys, func() Unmarshaler { return new(KeyRecord) }},
	{codeRows, func() Unmarshaler { return new(CodeRow) }},
}

// KindOf returns the kind that a key belongs to, nil when it is none of the state's.
func KindOf(key string) *Kind {
	for i := range Kinds {
		k := &Kinds[i]
		if key == k.Prefix || strings.HasSuffix(k.Prefix, "/") && strings.HasPrefix(key, k.Prefix) {
			return k
		}
	}
	return nil
}
