package verifier

import "tradecredit/types"

// words is what a page says in one language.
type words struct {
	verified, index, noIndex, indexOnly, capped, notApplicable, noData, daysUpTo, daysFrom, better, atLeast, below string
	anchored, oldTrust, notRecomputed, notComplete, notSummed, notTrue                                             string
	free, pledged, reserved, tradePledged, disputed, unknown, document, until                                      string
	comma                                                                                                          string
	standings                                                                                                      map[Standing]string
	statuses                                                                                                       map[string]string
	groups                                                                                                         map[string]string
	classes                                                                                                        map[types.ScoreClass]string
	unscored                                                                                                       map[types.Unscored]string
	purposes                                                                                                       map[types.Purpose]string
	measures                                                                                                       map[types.Measure]string
	caps                                                                                                           map[types.Cap]string
}

var wording = map[Language]*words{English: english, Chinese: chinese}

var english = &words{
	verified: "VERIFIED", index: "%d of 100 (80: pays on the day)", noIndex: "not applicable", indexOnly: " (the query asked for the index only: no score, no class)",
	capped: "the sum of points is capped at %d", notApplicable: "n/a", noData: "; nothing to measure yet", daysUpTo: "≤ %d days", daysFrom: "≥ %d days",
	better: "; %s would give %d more", atLeast: "≥ ", below: "< ",
	anchored:      "part of the chain of header %d of %s",
	oldTrust:      "that it was made in its time: the trust period is over, and whoever holds the old keys by now could sign such a header. Renew it while the network lives",
	notRecomputed: "the score is proved to be what the ledger said; it is not recomputed here (its rows are not in the file)",
	notComplete:   "that nothing was left out of the enterprise's log",
	notSummed:     "that the rows behind the score follow from the log (not all entries up to then are in the file)",
	notTrue:       "that the facts themselves are true: their sources signed them",
	free:          "NOT PLEDGED", pledged: "PLEDGED to ", reserved: ", reserved", tradePledged: "; but on its trade %s rest liens: %d", disputed: "; disputed (%s)",
	comma:   ", ",
	unknown: "not on the ledger", document: "type %s, verdicts: %d", until: ", valid until %s",
	standings: map[Standing]string{Fresh: "FRESH", Reanchored: "RE-ANCHORED", OldTrustOnly: "OLD TRUST ONLY"},
	groups: map[string]string{
		groupParty: "registration, mandates, corrections", groupOrders: "orders, services, returns", groupGoods: "movements, deliveries, customs, tax, foreign exchange",
		groupDocuments: "documents and verdicts on them", groupIssued: "receivables", groupOwed: "what it owes: obligations, payments, credits", groupDue: "what is owed to it: claims, collections",
		groupFinancing: "financing, title, insurance", groupRights: "consents and queries", groupAdverse: "adverse records, disputes, exclusions", groupOther: "others",
	},
	classes: map[types.ScoreClass]string{
		types.ScoreClass_CLASS_1: "very low risk of late payment", types.ScoreClass_CLASS_2: "low risk of late payment", types.ScoreClass_CLASS_3: "medium risk of late payment",
		types.ScoreClass_CLASS_4: "raised risk of late payment", types.ScoreClass_CLASS_5: "high risk of late payment",
	},
	unscored: map[types.Unscored]string{
		types.Unscored_U1: "fewer than %d payment experiences or fulfilled sales", types.Unscored_U2: "fewer than %d unrelated counterparties",
		types.Unscored_U3: "less than %d days of history", types.Unscored_U4: "fewer than %d members report on it",
		types.Unscored_U5: "nothing above self-declared evidence (%d needed)",
	},
	purposes: map[types.Purpose]string{
		types.Purpose_CREDIT_GRANT: "granting credit", types.Purpose_POST_LOAN: "watching a loan", types.Purpose_TRADE_PARTNER: "choosing a trade partner",
		types.Purpose_INSURANCE: "insurance", types.Purpose_CLEARANCE: "customs clearance", types.Purpose_SUPERVISION: "supervision", types.Purpose_AUDIT: "audit",
	},
	measures: map[types.Measure]string{
		types.Measure_MEASURE_TPI: "payment index: pay sooner", types.Measure_MEASURE_WORST_DBT: "worst delay of the last 12 months",
		types.Measure_MEASURE_PAST_DUE: "share of outstanding amounts past due", types.Measure_MEASURE_EVIDENCE_LEGS: "own receivables with 4 of 5 kinds of evidence",
		types.Measure_MEASURE_ADVERSE_VERDICTS: "adverse verdicts on documents", types.Measure_MEASURE_CREDIT_NOTES: "credit notes and returns at the seller's fault",
		types.Measure_MEASURE_ON_TIME: "deliveries on time", types.Measure_MEASURE_CONCENTRATION: "concentration on few counterparties (0–10000)",
		types.Measure_MEASURE_ACTIVE_MONTHS: "active months of 24", types.Measure_MEASURE_MEMBERS: "members that sign its records",
		types.Measure_MEASURE_COLLECTED: "own receivables collected within 30 days of terms",
	},
	caps: map[types.Cap]string{
		types.Cap_CAP_FORGERY: "confirmed forgery", types.Cap_CAP_INSOLVENCY: "insolvency", types.Cap_CAP_OPEN_90: "5 % or more of outstanding amounts open beyond 90 days",
		types.Cap_CAP_DUPLICATE: "attempt to finance twice, confirmed by an arbiter", types.Cap_CAP_DISHONESTY: "list of serious dishonesty",
	},
}

var chinese = &words{
	verified: "已核验", index: "%d / 100（80 表示当日付款）", noIndex: "不适用", indexOnly: "（本次查询仅限指数：无信用分、无等级）",
	capped: "得分合计封顶为 %d", notApplicable: "不适用", noData: "；尚无可计量的数据", daysUpTo: "%d天以内", daysFrom: "%d天以上",
	better: "；%s，可多得 %d 分", atLeast: "不低于 ", below: "低于 ",
	anchored:      "已证明属于区块头 %d（%s）所在的链",
	oldTrust:      "确系当时作出：信任期已过，如今持有旧密钥者可以伪造这样的区块头。请在网络存续期间办理续期",
	notRecomputed: "信用分已证明为账本当时的答复；本程序未重新计算（计算所用的行不在文件中）",
	notComplete:   "企业的记录日志没有遗漏",
	notSummed:     "评分所用的汇总确由日志得出（截至评分时的明细未全部在文件中）",
	notTrue:       "事实本身的真实性：由各自来源签名负责",
	free:          "未质押", pledged: "已质押给 ", reserved: "，预留", tradePledged: "；但其所属交易 %s 上有 %d 项质押", disputed: "；有争议（%s）",
	comma: "，",
	statuses: map[string]string{
		"ISSUED": "已开立", "ACCEPTED": "已承兑", "PARTLY_SETTLED": "部分结清", "SETTLED": "已结清", "REJECTED": "已拒绝", "VOID": "已作废", "WRITTEN_OFF": "已核销", "SPLIT": "已拆分",
		"DECLARED": "已申报", "INSPECTED": "已查验", "RELEASED": "已放行", "GATE_OUT": "已出关", "CLOSED": "已结关", "LIVE": "有效",
		"ANCHORED": "已存证", "VERIFIED": "已核验", "EXPIRED": "已过期", "REVOKED": "已撤销", "SUPERSEDED": "已被替代", "SURRENDERED": "已交回",
	},
	unknown: "账本上没有", document: "类型 %s，核验结论 %d 项", until: "，有效期至 %s",
	standings: map[Standing]string{Fresh: "有效", Reanchored: "已续期", OldTrustOnly: "仅旧信任"},
	groups: map[string]string{
		groupParty: "登记、授权与更正", groupOrders: "订单、服务与退货", groupGoods: "物流、交付、海关、税务与外汇",
		groupDocuments: "单证与核验结论", groupIssued: "应收账款", groupOwed: "应付：债务、付款与冲减", groupDue: "应收：债权与回款",
		groupFinancing: "融资、物权与保险", groupRights: "授权同意与查询", groupAdverse: "不良记录、争议与剔除", groupOther: "其他",
	},
	classes: map[types.ScoreClass]string{
		types.ScoreClass_CLASS_1: "逾期风险很低", types.ScoreClass_CLASS_2: "逾期风险低", types.ScoreClass_CLASS_3: "逾期风险中等",
		types.ScoreClass_CLASS_4: "逾期风险偏高", types.ScoreClass_CLASS_5: "逾期风险高",
	},
	unscored: map[types.Unscored]string{
		types.Unscored_U1: "付款经历或已履约销售少于 %d 笔", types.Unscored_U2: "非关联交易对手少于 %d 家",
		types.Unscored_U3: "历史不足 %d 天", types.Unscored_U4: "报送成员少于 %d 家", types.Unscored_U5: "没有高于自我申报的证据（至少 %d 项）",
	},
	purposes: map[types.Purpose]string{
		types.Purpose_CREDIT_GRANT: "授信", types.Purpose_POST_LOAN: "贷后管理", types.Purpose_TRADE_PARTNER: "选择交易对手",
		types.Purpose_INSURANCE: "保险", types.Purpose_CLEARANCE: "通关", types.Purpose_SUPERVISION: "监管", types.Purpose_AUDIT: "审计",
	},
	measures: map[types.Measure]string{
		types.Measure_MEASURE_TPI: "付款指数：付款越早越好", types.Measure_MEASURE_WORST_DBT: "近 12 个月最严重的逾期",
		types.Measure_MEASURE_PAST_DUE: "未结金额中已逾期的比例", types.Measure_MEASURE_EVIDENCE_LEGS: "五类证据中具备四类的应收账款",
		types.Measure_MEASURE_ADVERSE_VERDICTS: "单证核验的不利结论", types.Measure_MEASURE_CREDIT_NOTES: "卖方过错的红字与退货",
		types.Measure_MEASURE_ON_TIME: "按时交付", types.Measure_MEASURE_CONCENTRATION: "交易对手集中度（0–10000）",
		types.Measure_MEASURE_ACTIVE_MONTHS: "24 个月中的活跃月数", types.Measure_MEASURE_MEMBERS: "为其记录签名的成员数",
		types.Measure_MEASURE_COLLECTED: "到期后 30 天内收回的应收账款",
	},
	caps: map[types.Cap]string{
		types.Cap_CAP_FORGERY: "已确认的伪造", types.Cap_CAP_INSOLVENCY: "破产", types.Cap_CAP_OPEN_90: "逾期超过 90 天的未付金额达到 5% 以上",
		types.Cap_CAP_DUPLICATE: "经仲裁确认的重复融资企图", types.Cap_CAP_DISHONESTY: "严重失信名单",
	},
}
