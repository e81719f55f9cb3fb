package types

import (
	"fmt"
	"strconv"
)

// A day is a civil date of the proleptic Gregorian calendar, as days since 1970-01-01. A month is 12·year + month−1.

// MinDay is the earliest event day, 2000-01-01.
const MinDay int32 = 10957

const (
	secondsADay = 86400
	daysACycle  = 146097 // days of 400 years
	// Days from 0000-03-01 to 1970-01-01: counting years from March puts the leap day last.
	daysToEpoch = 719468
)

// DayOf is ⌊(unix + offset) / 86400⌋: the civil day at a time, both in seconds. The offset is the network's constant,
// 28800 for a mainland network.
func DayOf(unix, offset int64) int32 { return int32(floorDiv(unix+offset, secondsADay)) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// civil returns year, month (1–12) and day of the month of a day.
func civil(day int32) (year, month, dayOfMonth int64) {
	z := int64(day) + daysToEpoch
	cycle := floorDiv(z, daysACycle)
	n := z - cycle*daysACycle                                   // day of the cycle, 0 … 146096
	y := (n - n/1460 + n/36524 - n/146096) / 365                // year of the cycle, 0 … 399
	d := n - (365*y + y/4 - y/100)                              // day of the year that begins in March
	m := (5*d + 2) / 153                                        // month from March, 0 … 11
	dayOfMonth, month, year = d-(153*m+2)/5+1, m+3, y+cycle*400 // March is 3
	if month > 12 {
		month, year = month-12, year+1
	}
	return year, month, dayOfMonth
}

// fromCivil is the inverse of civil.
func fromCivil(year, month, dayOfMonth int64) int32 {
	if month <= 2 {
		year, month = year-1, month+12
	}
	cycle := floorDiv(year, 400)
	y := year - cycle*400
	d := (153*(month-3)+2)/5 + dayOfMonth - 1
	return int32(cycle*daysACycle + y*365 + y/4 - y/100 + d - daysToEpoch)
}

// ParseDay reads a civil date written exactly as "2006-01-02" (ISO 8601); a date that does not exist is an error,
// text_malformed.
func ParseDay(s string) (int32, error) {
	if len(s) == 10 && s[4] == '-' && s[7] == '-' && allDigits(s[:4], 4) && allDigits(s[5:7], 2) && allDigits(s[8:], 2) {
		year, _ := strconv.ParseInt(s[:4], 10, 64)
		month, _ := strconv.ParseInt(s[5:7], 10, 64)
		dayOfMonth, _ := strconv.ParseInt(s[8:], 10, 64)
		if month >= 1 && month <= 12 && dayOfMonth >= 1 {
			day := fromCivil(year, month, dayOfMonth)
			if FormatDay(day) == s {
				return day, nil
			}
		}
	}
	return 0, Refuse(Code_text_malformed, "%.20q is no date like 2006-01-02", s)
}

// FormatDay writes a day as "2006-01-02".
func FormatDay(day int32) string {
	year, month, dayOfMonth := civil(day)
	return fmt.Sprintf("%04d-%02d-%02d", year, month, dayOfMonth)
}

// MonthOf is 12·year + month−1 of a day.
func MonthOf(day int32) int32 {
	year, month, _ := civil(day)
	return int32(12*year + month - 1)
}

// AddYears is the same date so many years later; 29 February becomes 1 March where there is none.
func AddYears(day, years int32) int32 {
	year, month, dayOfMonth := civil(day)
	return fromCivil(year+int64(years), month, dayOfMonth)
}

// FirstDay is the first day of a month (12·year + month−1).
func FirstDay(month int32) int32 {
	year := floorDiv(int64(month), 12)
	return fromCivil(year, int64(month)-12*year+1, 1)
}
