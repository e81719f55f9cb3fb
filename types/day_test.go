package types_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

func TestDayOf(t *testing.T) {
	cases := []struct {
		unix, offset int64
		want         int32
	}{
		{0, 0, 0}, {86399, 0, 0}, {86400, 0, 1}, {-1, 0, -1}, {-86400, 0, -1}, {-86401, 0, -2},
		{57599, 28800, 0}, {57600, 28800, 1}, // midnight in Shanghai is 16:00 UTC
		{0, -1, -1}, {946684800, 0, types.MinDay},
	}
	for _, c := range cases {
		require.Equal(t, c.want, types.DayOf(c.unix, c.offset), "%+v", c)
	}
}

// TestDaysAgainstTime walks every day from 1800 to 2400 beside package time.
func TestDaysAgainstTime(t *testing.T) {
	date := time.Date(1800, 1, 1, 0, 0, 0, 0, time.UTC)
	first := int32(date.Unix() / 86400)
	for day := first; date.Year() <= 2400; day++ {
		text := date.Format("2006-01-02")
		if got := types.FormatDay(day); got != text {
			require.Equal(t, text, got)
		}
		parsed, err := types.ParseDay(text)
		if err != nil || parsed != day {
			require.Equal(t, day, parsed, "%s %v", text, err)
		}
		month := int32(12*date.Year() + int(date.Month()) - 1)
		if types.MonthOf(day) != month {
			require.Equal(t, month, types.MonthOf(day), text)
		}
		if later := int32(date.AddDate(5, 0, 0).Unix() / 86400); types.AddYears(day, 5) != later {
			require.Equal(t, later, types.AddYears(day, 5), text)
		}
		if date.Day() == 1 {
			require.Equal(t, day, types.FirstDay(month), text)
		}
		date = date.AddDate(0, 0, 1)
	}
}

func TestDaysAtTheEnds(t *testing.T) {
	require.Equal(t, "2000-01-01", types.FormatDay(types.MinDay))
	for _, day := range []int32{math.MinInt32 + 31, math.MaxInt32, -719468, -719469} {
		require.NotEmpty(t, types.FormatDay(day))
		require.LessOrEqual(t, types.FirstDay(types.MonthOf(day)), day)
	}
	for _, text := range []string{"0000-01-01", "0000-02-29", "9999-12-31"} {
		day, err := types.ParseDay(text)
		require.NoError(t, err)
		require.Equal(t, text, types.FormatDay(day))
	}
}

func TestParseDayRefuses(t *testing.T) {
	for _, s := range []string{
		"", "2026-02-29", "2026-13-01", "2026-00-01", "2026-01-00", "2026-01-32", "2026-04-31", "26-01-01", "2026-1-1",
		"2026/01/01", "20260101", " 2026-01-01", "2026-01-01 ", "2026-01-01T00:00:00Z", "-026-01-01", "2026-01-0a", "２０２６-01-01", "1900-02-29",
	} {
		_, err := types.ParseDay(s)
		requireCode(t, types.Code_text_malformed, err, s)
	}
}
