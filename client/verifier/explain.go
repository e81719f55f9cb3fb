package verifier

import (
	"errors"
	"strings"
	"unicode"

	"tradecredit/types"
)

// Explain says in a person's language why a report was refused; err is not nil. In Chinese the error's own words, which
// name the details, stand behind it in brackets. What a stranger put into the file cannot steer a terminal by it.
func Explain(err error, lang Language) string {
	said := strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) {
			return r
		}
		return '·'
	}, err.Error())
	if lang != Chinese {
		return said
	}
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return r.chinese + "（" + said + "）"
		}
	}
	return "无法核验（" + said + "）"
}

// refusals are all errors of this package and those of state proofs, what a report is refused for before what explains it.
var refusals = []struct {
	err     error
	chinese string
}{
	{ErrReportMagic, "这不是报告文件"},
	{ErrReportVersion, "本程序无法读取此版本的报告文件"},
	{ErrReportSize, "报告文件过大"},
	{ErrReportCut, "报告文件不完整：提前结束"},
	{ErrReportTrailing, "报告文件末尾有多余内容"},
	{ErrReportSections, "报告文件的组成部分不符合规定"},
	{ErrReportChecksum, "报告文件已损坏：校验和不符"},
	{ErrReportFrame, "报告文件已损坏：有一部分无法解压"},
	{ErrReportEncoding, "报告的编码不规范"},
	{ErrReportMalformed, "报告的格式有误"},

	{ErrReportSimulation, "报告来自模拟网络：其中的机构与密钥均为虚构"},
	{ErrReportChain, "报告与其证明不属于同一网络"},
	{ErrReportProof, "报告中有一项记录没有得到证明"},
	{ErrReportReceipt, "报告没有回执，或回执与其所称不符"},
	{ErrReportOpening, "报告所称的查询方或用途与当时记录的承诺不符"},
	{ErrReportModel, "报告中的模型不是回执评分所用的模型"},
	{ErrReportImplausible, "报告的结果与其自身的得分和模型不符"},
	{ErrReportTime, "报告中的时间互相矛盾"},
	{ErrReportNotAsked, "报告的对象不是所要求的对象"},
	{ErrReportScope, "报告的内容超出其回执所依据的同意范围"},
	{ErrReportInputs, "报告中的数据行不是回执评分所依据的数据行"},
	{ErrReportScore, "按报告中的数据行重新计算，得不到回执上的信用分"},
	{ErrReportEntries, "报告中的明细与企业日志不符：有遗漏、增加、改动或错位"},
	{ErrReportSums, "由企业日志的明细累加，得不到报告中的汇总"},
	{ErrReportAnchor, "为报告续期的区块日志中没有报告的区块头"},

	{ErrNoTrust, "没有信任文件，因此无法核验"},
	{ErrTrustMalformed, "信任文件的格式有误"},
	{ErrTrustExpired, "信任已过期：请从可核实的来源重新固定验证人"},
	{ErrHeaderMalformed, "区块头的格式有误"},
	{ErrHeaderEncoding, "区块头的编码不规范"},
	{ErrOtherChain, "属于另一个网络"},
	{ErrHeaderForged, "区块头不是当时签名的那一个"},
	{ErrHeaderTime, "区块头的时间与其高度不符"},
	{ErrHeaderFuture, "区块头的时间在未来：请检查本机时钟"},
	{ErrValidatorsDiffer, "验证人不是区块头所指明的验证人"},
	{ErrValidatorsPinned, "验证人不是受信任的区块头所预告的验证人"},
	{ErrTrustOverlap, "您所信任的验证人中，为区块头签名的投票权不足"},
	{ErrPowerShort, "为区块头签名的投票权不超过三分之二"},
	{ErrHeaderSignature, "有验证人对区块头的签名有误"},
	{ErrHeightSlip, "区块头不能证明所称高度的账本状态"},
	{ErrStale, "账本状态比所要求的期限更旧"},
	{ErrValue, "得到证明的内容不是所要求种类的记录"},

	{types.ErrProofEmpty, "证明为空"},
	{types.ErrProofSize, "证明过大"},
	{types.ErrProofEncoding, "证明的编码不规范"},
	{types.ErrProofOperators, "证明的步骤不符合规定"},
	{types.ErrProofKey, "证明的是另一个键"},
	{types.ErrProofRoot, "证明的是另一个根"},
	{types.ErrProofKind, "证明的种类不符"},
	{types.ErrProofShape, "证明有缺失或格式有误的部分"},
	{types.ErrProofValue, "证明的是另一个值"},
	{types.ErrProofPath, "证明不能由键推至其根"},
	{types.ErrProofAppHash, "证明不能推至应用哈希"},
}
