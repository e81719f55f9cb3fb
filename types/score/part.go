package score

// knots of the payment score: days beyond terms and points, as in the published PAYDEX key.
var knots = [...]struct{ dbt, p int32 }{
	{-30, 100}, {-20, 90}, {0, 80}, {15, 70}, {22, 60}, {30, 50}, {60, 40}, {90, 30}, {120, 20},
}

// PartScore is p(d), 1–100: the payment score of a part paid d days beyond terms (negative: before). It is linear
// between the published knots, what is lost after a knot truncated to whole points; 100 up to 30 days early, 15 for
// 121–150 days, 10 for 151–180, 1 beyond.
func PartScore(dbt int32) int32 {
	switch {
	case dbt <= knots[0].dbt:
		return knots[0].p
	case dbt > 180:
		return 1
	case dbt > 150:
		return 10
	case dbt > 120:
		return 15
	}
	i := 1
	for dbt > knots[i].dbt {
		i++
	}
	lo, hi := knots[i-1], knots[i]
	return lo.p - (dbt-lo.dbt)*(lo.p-hi.p)/(hi.dbt-lo.dbt)
}

// Classes is the number of classes of days beyond terms.
const Classes = 6

// classDays names a class by its last day; the last class is open and named by its first.
var classDays = [Classes]int64{0, 14, 29, 59, 89, 90}

// DBTClass is the class of days beyond terms, 0–5: ≤ 0, 1–14, 15–29, 30–59, 60–89, ≥ 90.
func DBTClass(dbt int32) int {
	for c := range Classes - 1 {
		if int64(dbt) <= classDays[c] {
			return c
		}
	}
	return Classes - 1
}
