package types

// ParameterRow is one thing that the council may set, with the bounds that no vote can pass.
type ParameterRow struct {
	Name              string // as in the proto
	Min, Max, Default int64
	Help              string // unit and meaning, one line

	field func(*Parameters) *int64
}

// ParameterTable lists all parameters in the order of the proto.
var ParameterTable = []ParameterRow{
	{"quota_messages", 1_000, 1_000_000_000, 5_000_000, "messages a member may send a day",
		func(p *Parameters) *int64 { return &p.QuotaMessages }},
	{"quota_bytes", 1 << 20, 1 << 40, 8 << 30, "bytes of transactions a member may send a day",
		func(p *Parameters) *int64 { return &p.QuotaBytes }},
	{"quota_registrations", 10, 10_000_000, 20_000, "enterprises a member may register a day",
		func(p *Parameters) *int64 { return &p.QuotaRegistrations }},
	{"block_cost", 12_288, 1_000_000, 60_000, "cost units of a block; the dearest transaction has 12,288",
		func(p *Parameters) *int64 { return &p.BlockCost }},
	{"member_share_bp", 1_000, 10_000, 5_000, "share of a block's cost that one member may use while others wait, basis points",
		func(p *Parameters) *int64 { return &p.MemberShareBp }},
	{"algorithms", 1, 3, 1, "bit mask of the algorithms that may sign: 1 ed25519, 2 SM2 with SM3, 3 both",
		func(p *Parameters) *int64 { return &p.Algorithms }},
	{"document_verdicts", 1, 5, 1, "equal verdicts that decide a document",
		func(p *Parameters) *int64 { return &p.DocumentVerdicts }},
	{"queue_items", 16, 4_096, 512, "due items that are worked off at the start of a block",
		func(p *Parameters) *int64 { return &p.QueueItems }},
	{"quota_subject_messages", 10, 10_000_000, 10_000, "messages an enterprise may send with its own key a day",
		func(p *Parameters) *int64 { return &p.QuotaSubjectMessages }},
	{"fingerprint_refusal", 66, 95, 66, "fingerprints whose hit refuses a financing: 2 F1 and 64 F6, always, with 1 F0, 4 F2, 8 F3, 16 F4",
		func(p *Parameters) *int64 { return &p.FingerprintRefusal }},
}

// ParameterNamed returns the row of a name, nil when there is none.
func ParameterNamed(name string) *ParameterRow {
	for i := range ParameterTable {
		if ParameterTable[i].Name == name {
			return &ParameterTable[i]
		}
	}
	return nil
}

// Check refuses with parameter_out_of_bounds a value outside Min … Max.
func (r *ParameterRow) Check(value int64) error {
	if value < r.Min || value > r.Max {
		return Refuse(Code_parameter_out_of_bounds, "%s is %d to %d, not %d", r.Name, r.Min, r.Max, value)
	}
	return nil
}

// DefaultParameters is what a network begins with unless its genesis says otherwise.
func DefaultParameters() Parameters {
	var p Parameters
	for _, r := range ParameterTable {
		*r.field(&p) = r.Default
	}
	return p
}

// Set sets one parameter; parameter_unknown and parameter_out_of_bounds change nothing.
func (p *Parameters) Set(name string, value int64) error {
	r := ParameterNamed(name)
	if r == nil {
		return Refuse(Code_parameter_unknown, "%.40q", name)
	}
	if err := r.Check(value); err != nil {
		return err
	}
	*r.field(p) = value
	return nil
}

// Value returns one parameter, and whether there is such a name.
func (p *Parameters) Value(name string) (int64, bool) {
	r := ParameterNamed(name)
	if r == nil {
		return 0, false
	}
	return *r.field(p), true
}

// Validate refuses with parameter_out_of_bounds the first parameter outside its bounds.
func (p *Parameters) Validate() error {
	for i := range ParameterTable {
		if err := ParameterTable[i].Check(*ParameterTable[i].field(p)); err != nil {
			return err
		}
	}
	return nil
}
