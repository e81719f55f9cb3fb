package ledger

import (
	"reflect"

	"tradecredit/types"
)

// handlers is every message there is, in the order of types.proto.
var handlers = []handler{
	handle("propose", checkPropose, propose),
	handle("vote", checkVote, vote),
	handle("rotate_key", checkRotateKey, rotateKey),
	handle("revoke_key", checkRevokeKey, revokeKey),
	handle("publish_codes", checkPublishCodes, publishCodes),
	handle("register_enterprise", checkRegisterEnterprise, registerEnterprise),
	handle("confirm_enterprise", checkConfirmEnterprise, confirmEnterprise),
	handle("update_enterprise", checkUpdateEnterprise, updateEnterprise),
	handle("delegate", checkDelegate, delegate),
	handle("revoke_delegation", checkRevokeDelegation, revokeDelegation),
	handle("record_order", checkRecordOrder, recordOrder),
	handle("confirm_order", checkConfirmOrder, confirmOrder),
	handle("amend_order", checkAmendOrder, amendOrder),
	handle("cancel_order", checkCancelOrder, cancelOrder),
	handle("record_service_progress", checkRecordServiceProgress, recordServiceProgress),
	handle("record_customs_event", checkRecordCustomsEvent, recordCustomsEvent),
	handle("record_logistics_event", checkRecordLogisticsEvent, recordLogisticsEvent),
	handle("accept_delivery", checkAcceptDelivery, acceptDelivery),
	handle("reject_delivery", checkRejectDelivery, rejectDelivery),
	handle("record_return", checkRecordReturn, recordReturn),
	handle("record_trace", checkRecordTrace, recordTrace),
	handle("record_parcel_batch", checkRecordParcelBatch, recordParcelBatch),
	handle("confirm_service_progress", checkConfirmServiceProgress, confirmServiceProgress),
	handle("anchor_document", checkAnchorDocument, anchorDocument),
	handle("verify_document", checkVerifyDocument, verifyDocument),
	handle("revoke_document", checkRevokeDocument, revokeDocument),
	handle("issue_transferable", checkIssueTransferable, issueTransferable),
	handle("transfer_control", checkTransferControl, transferControl),
	handle("surrender", checkSurrender, surrender),
	handle("issue_receivable", checkIssueReceivable, issueReceivable),
	handle("accept_receivable", checkAcceptReceivable, acceptReceivable),
	handle("reject_receivable", checkRejectReceivable, rejectReceivable),
	handle("void_receivable", checkVoidReceivable, voidReceivable),
	handle("adjust_receivable", checkAdjustReceivable, adjustReceivable),
	handle("split_receivable", checkSplitReceivable, splitReceivable),
	handle("record_settlement", checkRecordSettlement, recordSettlement),
	handle("reverse_settlement", checkReverseSettlement, reverseSettlement),
	handle("record_tax_event", checkRecordTaxEvent, recordTaxEvent),
	handle("record_fx_event", checkRecordFxEvent, recordFxEvent),
	handle("publish_fixing", checkPublishFixing, publishFixing),
	handle("write_off", checkWriteOff, writeOff),
	handle("offer_financing", checkOfferFinancing, offerFinancing),
	handle("withdraw_offer", checkWithdrawOffer, withdrawOffer),
	handle("reserve_financing", checkReserveFinancing, reserveFinancing),
	handle("confirm_financing", checkConfirmFinancing, confirmFinancing),
	handle("cancel_financing", checkCancelFinancing, cancelFinancing),
	handle("release_financing", checkReleaseFinancing, releaseFinancing),
	handle("notify_assignment", checkNotifyAssignment, notifyAssignment),
	handle("acknowledge_assignment", checkAcknowledgeAssignment, acknowledgeAssignment),
	handle("record_repayment", checkRecordRepayment, recordRepayment),
	handle("declare_default", checkDeclareDefault, declareDefault),
	handle("cure_default", checkCureDefault, cureDefault),
	handle("record_policy", checkRecordPolicy, recordPolicy),
	handle("record_claim", checkRecordClaim, recordClaim),
	handle("grant_consent", checkGrantConsent, grantConsent),
	handle("revoke_consent", checkRevokeConsent, revokeConsent),
	handle("query_credit", checkQueryCredit, queryCredit),
	handle("record_adverse", checkRecordAdverse, recordAdverse),
	handle("rehabilitate", checkRehabilitate, rehabilitate),
	handle("open_dispute", checkOpenDispute, openDispute),
	handle("respond_dispute", checkRespondDispute, respondDispute),
	handle("escalate_dispute", checkEscalateDispute, escalateDispute),
	handle("resolve_dispute", checkResolveDispute, resolveDispute),
	handle("add_statement", checkAddStatement, addStatement),
	handle("correct_record", checkCorrectRecord, correctRecord),
	handle("erase_payload", checkErasePayload, erasePayload),
	handle("propose_model", checkProposeModel, proposeModel),
	handle("attach_validation", checkAttachValidation, attachValidation),
	handle("attest_replay", checkAttestReplay, attestReplay),
}

// handler is one row of the table: the two plain functions of one message.
type handler struct {
	name  string
	msg   reflect.Type
	check func(types.Msg) error      // refuses what no state could make valid
	apply func(*Tx, types.Msg) error // the caller drops the message's batch on error
}

func handle[M types.Msg](name string, check func(M) error, apply func(*Tx, M) error) handler {
	return handler{
		name:  name,
		msg:   reflect.TypeFor[M](),
		check: func(m types.Msg) error { return check(m.(M)) },
		apply: func(tx *Tx, m types.Msg) error { return apply(tx, m.(M)) },
	}
}

// find returns a message's handler and row. Decode has refused whatever is no message.
func find(m types.Msg) (*handler, *types.MessageRow) {
	i := types.IndexOf(m)
	return &handlers[i], &types.Table[i]
}
