// Package score is the credit score: pure integer functions over rows of the state.
//
// A score is Compute(rows, model, day): the rows as they stood at one height, a model that is itself a record of the
// chain, and the civil day D. The same three inputs give the same result on every node and on a client's machine, so a
// bank recomputes what it was told. No clock, no floats, no map iteration; sums that could overflow have 128
// bits, and every addition is checked.
//
//	rows, err := score.Load(reader.Get, reader.Scan, subject, day)  // about a hundred reads, whatever the history
//	result, err := score.Compute(rows, model, day)
//	answer := score.Restrict(result, types.Output_INDEX)
//
// # What the rows hold
//
// The head of the subject's entry log, the marks of its adverse records, its month sums from 23 months back to 24 months ahead of D's month, the first 32
// counterparties of each of its three rankings, and what it did with each of those (types.PairSum). The sums are folds
// over the entry log, kept as entries arrive (app/ledger).
//
// # The window
//
// A month lies in the window if it is 0 to 23 months before D's month; months are 12·year + month−1. Parts closed 0–11
// months back weigh twice (r = 2), those 12–23 months back once. A part whose day is tomorrow and falls into the next
// month waits until that month has come. Open parts past due weigh twice, whatever their age: D − due is their DBT, and
// they leave only by being paid. A part due on D itself is not past due. Receivables count by issue month, deliveries by
// promised month, collections by due month, verdicts by verdict month, everything else by event month.
//
// # Where the text of the rules is silent
//
//   - The cut of the largest counterparty takes closed parts only, on both sides of the comparison; open parts are never
//     cut, and the pair rows do not hold them. With a lone counterparty the cap is 0, so all closed weight goes, and the
//     index is not applicable unless something is open past due, which then decides it alone.
//   - Ratios of bad things (past due, adverse verdicts, credit notes, late records) are rounded down, but a ratio that is
//     not zero is at least 1 bp, so that the bin "0" means none at all. All other ratios are rounded down. Either way a
//     bound in basis points is compared exactly.
//   - Experiences: obligations whose latest part closed in the window, and obligations past due without any live part.
//     Obligations that were partly paid before the window and are still open are known by number only; the count is the
//     larger of that sum and the number of all obligations open past due, so that none counts twice.
//   - "Open beyond 90 days" is a DBT above 90.
//   - An adverse record weighs, day by day, from when it is there until five years after its end; what has not ended does
//     not leave. An attempt at duplicate financing that an arbiter confirmed weighs in the months 0–23 back. Kinds that
//     bring no cap are shown and weigh nothing: what one bank says of a customer moves nobody's score.
//   - The binding cap's reason names up to four of the records that it rests on, the first by id. A cap of open parts, and
//     characteristics, rest on sums and name none: the entry log has the rows.
//   - The worst DBT class is weighed before the cut, because a class cannot be cut by counterparty.
//   - Concentration takes amounts, not weights: what was paid in either direction in the window, with those first 32 of
//     the ranking by traded amount; the shares are shares of these 32. Without any such part, ordered amounts in the
//     same way.
//   - Collected within 30 days of terms: settled ones by due month; unsettled ones count against it from day 31.
//   - Payables are obligations still open, due or not. A subject without experiences that has payables, or has no
//     fulfilled sale, belongs to no segment: unscored, U1.
//   - An unscored result has no points, no reasons and no cap, only the U reasons; its index stands if it is applicable.
//   - Ties between reasons go by id, the shorter first, then by bytes: C2 before C10.
package score
