package verifier

import "errors"

// Every way in which a header, a pin or a report can fail, one error each; wrapped with detail. Failures of a state proof
// itself are the ErrProof errors of package types.
var (
	// Pins and headers.
	ErrNoTrust          = errors.New("no trust is configured, so nothing can be verified")
	ErrTrustMalformed   = errors.New("trust file is malformed")
	ErrTrustExpired     = errors.New("trust has expired: pin the validators anew from a source you can check")
	ErrHeaderMalformed  = errors.New("light block is malformed")
	ErrHeaderEncoding   = errors.New("light block is not encoded canonically")
	ErrOtherChain       = errors.New("answer is about another chain")
	ErrHeaderForged     = errors.New("header is not the one that was signed")
	ErrHeaderTime       = errors.New("header's time does not fit its height beside the trusted header")
	ErrHeaderFuture     = errors.New("header lies in the future")
	ErrValidatorsDiffer = errors.New("validators are not those the header names")
	ErrValidatorsPinned = errors.New("validators are not those that the trusted header announced")
	ErrTrustOverlap     = errors.New("too little of the trusted validators' power has signed the header")
	ErrPowerShort       = errors.New("two thirds of the validators' power or less have signed the header")
	ErrHeaderSignature  = errors.New("a validator's signature on the header is wrong")
	ErrHeightSlip       = errors.New("the header does not prove the state of the answer's height")
	ErrStale            = errors.New("answer is older than the greatest age that was asked")
	ErrValue            = errors.New("proved value is not a record of the kind that was asked")

	// The file as such, before anything in it is looked at.
	ErrReportMagic     = errors.New("not a report file")
	ErrReportVersion   = errors.New("report file of a version that this program cannot read")
	ErrReportSize      = errors.New("report file is too large")
	ErrReportCut       = errors.New("report file ends too early")
	ErrReportTrailing  = errors.New("report file goes on after its end")
	ErrReportSections  = errors.New("report file does not have the sections it must have")
	ErrReportChecksum  = errors.New("report file is damaged: a checksum differs")
	ErrReportFrame     = errors.New("report file is damaged: a section cannot be decompressed")
	ErrReportEncoding  = errors.New("report is not encoded canonically")
	ErrReportMalformed = errors.New("report is malformed")

	// What it says.
	ErrReportSimulation  = errors.New("report comes from a simulated network: its institutions and keys are made up")
	ErrReportChain       = errors.New("report is about another chain than its proofs")
	ErrReportProof       = errors.New("a record of the report is not proved")
	ErrReportReceipt     = errors.New("report has no receipt, or another than it names")
	ErrReportOpening     = errors.New("report does not open the receipt's commitment: who asked, or for what, is not what was recorded")
	ErrReportModel       = errors.New("report's model is not the one that the receipt was scored by")
	ErrReportImplausible = errors.New("report's result does not follow from its own points and model")
	ErrReportTime        = errors.New("report's times contradict each other")
	ErrReportNotAsked    = errors.New("report is about something else than was asked")
	ErrReportScope       = errors.New("report says more than the consent for its receipt allows")
	ErrReportInputs      = errors.New("report's rows are not those that the receipt was scored from")
	ErrReportScore       = errors.New("the score of the report's rows is not the receipt's")
	ErrReportEntries     = errors.New("report's entries are not those of the enterprise's log: one is missing, added, changed or in another place")
	ErrReportSums        = errors.New("report's rows do not follow from the enterprise's entries")
	ErrReportAnchor      = errors.New("report's header does not stand in the log of blocks that anchors it")
)
