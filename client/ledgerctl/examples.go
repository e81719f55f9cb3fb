package main

// examples is one message of each kind that decodes; ids and digests are made up.
var examples = map[string]string{
	"propose":                `{"id":"p-1","parameter":{"name":"quota_messages","value":200000}}`,
	"vote":                   `{"proposal":"bank-a/p-1","approve":true}`,
	"rotate_key":             `{"old_key":"bank","new_key":{"id":"bank-2","role":"BANK","algorithm":"ED25519","public_key":"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a","possession":"00"},"old_valid_until_unix":1764547200}`,
	"revoke_key":             `{"key":"bank"}`,
	"register_enterprise":    `{"subject":"USCC:91350100M000100Y43","district":"330100","industry":"F51","size":"SMALL","ownership":"PRIVATE","control_group":"group-7","mandate":{"paper_digest":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","delegate":"platform-1","messages":["issue_receivable"],"until_day":"2026-06-30"}}`,
	"confirm_enterprise":     `{"subject":"USCC:91350100M000100Y43"}`,
	"delegate":               `{"delegate":"platform-1","messages":["grant_consent","issue_receivable"],"until_day":"2026-06-30","consent":true}`,
	"revoke_delegation":      `{"delegate":"platform-1"}`,
	"record_order":           `{"id":"PO-1001","kind":"GOODS","buyer":"XX:REG:77","seller":"USCC:91350100M000100Y43","order_day":"2025-11-03","promised_day":"2025-12-15","currency":"USD","amount_minor":1250000,"terms_digest":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","hs6":"851712","incoterm":"FOB"}`,
	"confirm_order":          `{"order":"platform-1/PO-1001","terms_digest":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","day":"2025-11-04"}`,
	"record_customs_event":   `{"id":"E-9","declaration":"D-9","event":"DECLARED","day":"2025-11-10","mode":"0110","order":"platform-1/PO-1001","declarant":"USCC:91350100M000100Y43","export":true,"currency":"USD","value_minor":1250000,"hs6":"851712","place":"CNNGB"}`,
	"record_logistics_event": `{"id":"L-3","order":"platform-1/PO-1001","event":"DELIVERED","day":"2025-12-12","place":"USLAX"}`,
	"accept_delivery":        `{"order":"platform-1/PO-1001","day":"2025-12-13"}`,
	"anchor_document":        `{"id":"INV-88","subject":"USCC:91350100M000100Y43","type":"380","object":"order/platform-1/PO-1001","commitment":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","fields":6,"issue_day":"2025-11-05"}`,
	"verify_document":        `{"document":"platform-1/INV-88","verdict":"MATCH","method":"CROSS_CHECK","day":"2025-11-06","commitment":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","check_digest":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}`,
	"revoke_document":        `{"document":"platform-1/INV-88","day":"2025-11-20","reason":1}`,
	"issue_receivable":       `{"id":"R-88","order":"platform-1/PO-1001","seller":"USCC:91350100M000100Y43","debtor":"XX:REG:77","type":"380","currency":"USD","amount_minor":1250000,"issue_day":"2025-11-05","due_day":"2026-01-04","commitment":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}`,
	"accept_receivable":      `{"receivable":"platform-1/R-88","day":"2025-11-07","commitment":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}`,
	"record_settlement":      `{"id":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","side":"CREDITOR","payer":"XX:REG:77","payee":"USCC:91350100M000100Y43","currency":"USD","amount_minor":1250000,"day":"2026-01-03","channel":"SWIFT","stage":"SALE","allocations":[{"receivable":"platform-1/R-88","amount_minor":1250000}]}`,
	"reverse_settlement":     `{"settlement":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","day":"2026-01-05","reason":1}`,
	"publish_fixing":         `{"currency":"EUR","day":"2025-11-21","rate_e9":"8200000000"}`,
	"grant_consent":          `{"id":"C-1","grantee":"bank-a","purpose":"CREDIT_GRANT","scope":"SCORE","until_day":"2025-12-15","uses":3}`,
	"revoke_consent":         `{"consent":"platform-1/C-1"}`,
	"query_credit":           `{"id":"Q-1","subject":"USCC:91350100M000100Y43","purpose":"CREDIT_GRANT","output":"SCORE","consent":"platform-1/C-1"}`,
}
