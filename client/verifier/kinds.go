package verifier

import "tradecredit/types"

// EntryName says what a row of an enterprise's log is, in a few words.
func EntryName(k types.EntryKind, l Language) string {
	name, ok := entryNames[k]
	switch {
	case !ok:
		return k.String()
	case l == Chinese:
		return name[1]
	}
	return name[0]
}

// entryNames are English and Chinese.
var entryNames = map[types.EntryKind][2]string{
	types.EntryKind_ENTRY_REGISTERED:                 {"registered", "登记"},
	types.EntryKind_ENTRY_CONFIRMED:                  {"registration confirmed", "登记获确认"},
	types.EntryKind_ENTRY_DELEGATION:                 {"mandate", "授权委托"},
	types.EntryKind_ENTRY_ORDER_BOUGHT:               {"order, as buyer", "订单（买方）"},
	types.EntryKind_ENTRY_ORDER_SOLD:                 {"order, as seller", "订单（卖方）"},
	types.EntryKind_ENTRY_ORDER_CONFIRMED:            {"order confirmed", "订单获确认"},
	types.EntryKind_ENTRY_MOVEMENT:                   {"movement of goods", "货物动态"},
	types.EntryKind_ENTRY_DELIVERED:                  {"delivered", "已交付"},
	types.EntryKind_ENTRY_RECEIVED:                   {"delivery received", "已收货"},
	types.EntryKind_ENTRY_DELIVERY_ACCEPTED:          {"delivery accepted", "验收通过"},
	types.EntryKind_ENTRY_CUSTOMS:                    {"customs event", "海关事件"},
	types.EntryKind_ENTRY_CUSTOMS_EXCLUDED:           {"customs event no longer counts", "海关事件不再计入"},
	types.EntryKind_ENTRY_DOCUMENT:                   {"document anchored", "单证存证"},
	types.EntryKind_ENTRY_VERDICT:                    {"verdict on a document", "单证核验结论"},
	types.EntryKind_ENTRY_DOCUMENT_REVOKED:           {"document revoked", "单证撤销"},
	types.EntryKind_ENTRY_VERDICT_EXCLUDED:           {"verdict no longer counts", "核验结论不再计入"},
	types.EntryKind_ENTRY_RECEIVABLE_ISSUED:          {"receivable issued", "开立应收账款"},
	types.EntryKind_ENTRY_RECEIVABLE_RECEIVED:        {"receivable received", "收到应收账款单据"},
	types.EntryKind_ENTRY_OBLIGATION:                 {"obligation", "付款义务"},
	types.EntryKind_ENTRY_CLAIM:                      {"claim to be collected", "待收债权"},
	types.EntryKind_ENTRY_LEGS:                       {"receivable well evidenced", "应收账款证据充分"},
	types.EntryKind_ENTRY_LEGS_LOST:                  {"receivable no longer well evidenced", "应收账款证据不再充分"},
	types.EntryKind_ENTRY_OBLIGATION_REVERSED:        {"obligation taken back", "付款义务冲回"},
	types.EntryKind_ENTRY_CLAIM_REVERSED:             {"claim taken back", "债权冲回"},
	types.EntryKind_ENTRY_PAID:                       {"paid", "已付款"},
	types.EntryKind_ENTRY_COLLECTED:                  {"collected", "已收款"},
	types.EntryKind_ENTRY_PAID_REVERSED:              {"payment reversed", "付款冲正"},
	types.EntryKind_ENTRY_COLLECTED_REVERSED:         {"collection reversed", "收款冲正"},
	types.EntryKind_ENTRY_PAID_EXCLUDED:              {"payment no longer counts", "付款不再计入"},
	types.EntryKind_ENTRY_COLLECTED_EXCLUDED:         {"collection no longer counts", "收款不再计入"},
	types.EntryKind_ENTRY_CONSENT:                    {"consent granted", "授予查询同意"},
	types.EntryKind_ENTRY_CONSENT_REVOKED:            {"consent revoked", "撤销查询同意"},
	types.EntryKind_ENTRY_QUERY:                      {"credit queried", "信用查询"},
	types.EntryKind_ENTRY_EVIDENCE_LOST:              {"evidence lost", "证据效力降级"},
	types.EntryKind_ENTRY_ORDER_SOLD_REVERSED:        {"sale taken back", "销售冲回"},
	types.EntryKind_ENTRY_ORDER_CANCELLED:            {"order cancelled after the promised day", "逾承诺日取消订单"},
	types.EntryKind_ENTRY_ORDER_AMENDED:              {"order amended", "订单变更"},
	types.EntryKind_ENTRY_PROGRESS:                   {"service performed", "服务执行进度"},
	types.EntryKind_ENTRY_PROGRESS_CONFIRMED:         {"service confirmed", "服务进度获确认"},
	types.EntryKind_ENTRY_DELIVERY_REJECTED:          {"delivery rejected", "拒收"},
	types.EntryKind_ENTRY_RETURN:                     {"return", "退货"},
	types.EntryKind_ENTRY_RETURN_STEP:                {"step of a return", "退货流程进展"},
	types.EntryKind_ENTRY_RETURN_EXCLUDED:            {"return no longer counts", "退货不再计入"},
	types.EntryKind_ENTRY_CREDITED:                   {"credit note received", "收到贷项通知"},
	types.EntryKind_ENTRY_CREDIT_NOTE:                {"credit note given", "开出贷项通知"},
	types.EntryKind_ENTRY_WRITTEN_OFF:                {"written off by the creditor", "被债权人核销"},
	types.EntryKind_ENTRY_GIVEN_UP:                   {"claim written off", "核销债权"},
	types.EntryKind_ENTRY_RECEIVABLE_REJECTED:        {"receivable rejected", "应收账款被拒绝"},
	types.EntryKind_ENTRY_RECEIVABLE_VOID:            {"receivable void", "应收账款作废"},
	types.EntryKind_ENTRY_RECEIVABLE_ISSUED_REVERSED: {"issue of a receivable taken back", "开立冲回"},
	types.EntryKind_ENTRY_RECEIVABLE_SPLIT:           {"receivable split", "应收账款拆分"},
	types.EntryKind_ENTRY_WRITTEN_OFF_EXCLUDED:       {"write-off no longer counts", "核销不再计入"},
	types.EntryKind_ENTRY_TAX:                        {"tax event", "税务事件"},
	types.EntryKind_ENTRY_FX:                         {"foreign-exchange event", "外汇事件"},
	types.EntryKind_ENTRY_TRANSFERABLE:               {"transferable document", "可转让单证"},
	types.EntryKind_ENTRY_CONTROL:                    {"control transferred", "控制权转移"},
	types.EntryKind_ENTRY_OFFER:                      {"offer for financing", "融资要约"},
	types.EntryKind_ENTRY_RESERVED:                   {"financing reserved", "融资预占"},
	types.EntryKind_ENTRY_FINANCING_ENDED:            {"financing ended", "融资结束"},
	types.EntryKind_ENTRY_ASSIGNED:                   {"assignment notified", "转让通知"},
	types.EntryKind_ENTRY_DEFAULT:                    {"default", "违约"},
	types.EntryKind_ENTRY_CURED:                      {"default cured", "违约已补救"},
	types.EntryKind_ENTRY_POLICY:                     {"insurance policy", "保险单"},
	types.EntryKind_ENTRY_CLAIMED:                    {"insurance claim", "保险索赔"},
	types.EntryKind_ENTRY_ADVERSE:                    {"adverse record", "不良记录"},
	types.EntryKind_ENTRY_REHABILITATED:              {"rehabilitated", "信用修复"},
	types.EntryKind_ENTRY_DISPUTE:                    {"dispute opened", "提出异议"},
	types.EntryKind_ENTRY_DISPUTE_ENDED:              {"dispute ended", "异议终结"},
	types.EntryKind_ENTRY_STATEMENT:                  {"statement by the subject", "主体声明"},
	types.EntryKind_ENTRY_UPDATED:                    {"registration updated", "登记变更"},
	types.EntryKind_ENTRY_CORRECTED:                  {"record corrected", "记录更正"},
	types.EntryKind_ENTRY_EVENT_EXCLUDED:             {"event no longer counts", "事件不再计入"},
	types.EntryKind_ENTRY_OBLIGATION_EXCLUDED:        {"obligation no longer counts", "付款义务不再计入"},
	types.EntryKind_ENTRY_CLAIM_EXCLUDED:             {"claim no longer counts", "债权不再计入"},
}
