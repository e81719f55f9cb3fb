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
	handle("register_enterprise", checkRegisterEnterprise, registerEnterprise),
	handle("confirm_enterprise", checkConfirmEnterprise, confirmEnterprise),
	handle("delegate", checkDelegate, delegate),
	handle("revoke_delegation", checkRevokeDelegation, revokeDelegation),
	handle("record_order", checkRecordOrder, recordOrder),
	handle("confirm_order", checkConfirmOrder, confirmOrder),
	handle("record_customs_event", checkRecordCustomsEvent, recordCustomsEvent),
	handle("record_logistics_event", checkRecordLogisticsEvent, recordLogisticsEvent),
	handle("accept_delivery", checkAcceptDelivery, acceptDelivery),
	handle("anchor_document", checkAnchorDocument, anchorDocument),
	handle("verify_document", checkVerifyDocument, verifyDocument),
	handle("revoke_document", checkRevokeDocument, revokeDocument),
	handle("issue_receivable", checkIssueReceivable, issueReceivable),
	handle("accept_receivable", checkAcceptReceivable, acceptReceivable),
	handle("record_settlement", checkRecordSettlement, recordSettlement),
	handle("reverse_settlement", checkReverseSettlement, reverseSettlement),
	handle("publish_fixing", checkPublishFixing, publishFixing),
	handle("grant_consent", checkGrantConsent, grantConsent),
	handle("revoke_consent", checkRevokeConsent, revokeConsent),
	handle("query_credit", checkQueryCredit, queryCredit),
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
