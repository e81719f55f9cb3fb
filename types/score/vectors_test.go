package score

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

type vectors struct {
	About       string
	Subject     string
	P           [][2]int32
	Conclusions []struct {
		Name    string
		Segment string
		Points  []int32
		Caps    []string
		Expect  expected
	}
	Index []struct {
		Name  string
		Day   string
		Facts vectorFacts
		Index *int32
	}
	Profiles map[string]map[string]json.RawMessage
	Scores   []struct {
		Name    string
		Profile string
		Day     string
		Facts   map[string]json.RawMessage
		Expect  expected
	}
}

// expected is a result: class "U" or a number, points as value (null: not applicable) and points, reasons as "C2 -65".
type expected struct {
	Index           *int32
	Segment         string
	Experiences     int64
	FulfilledSales  int64 `json:"fulfilled_sales"`
	Counterparties  int32
	LargestMemberBp int32 `json:"largest_member_bp"`
	LateBp          int32 `json:"late_bp"`
	Points          map[string][2]*int64
	Cap             int32
	Score           int32
	Class           string
	Unscored        []string
	Reasons         []string
}

func strict(t *testing.T, data []byte, v any) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(v))
}

func readVectors(t *testing.T) *vectors {
	data, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	var v vectors
	strict(t, data, &v)
	require.Greater(t, len(v.P), 40)
	require.Greater(t, len(v.Conclusions), 20)
	require.Greater(t, len(v.Index), 40)
	require.Greater(t, len(v.Scores), 320)
	return &v
}

func day(t *testing.T, s string) int32 {
	d, err := types.ParseDay(s)
	require.NoError(t, err)
	return d
}

// say brings a result into the form of the vectors.
func say(r *types.ScoreResult) expected {
	e := expected{
		Segment: r.Segment.String(), Experiences: r.Experiences, FulfilledSales: r.FulfilledSales, Counterparties: r.Counterparties,
		LargestMemberBp: r.LargestMemberBp, LateBp: r.LateBp, Cap: r.Cap, Score: r.Score, Class: r.Class.String()[len("CLASS_"):],
	}
	if r.IndexApplicable {
		e.Index = &r.Index
	}
	for _, u := range r.Unscored {
		e.Unscored = append(e.Unscored, u.String())
	}
	for _, reason := range r.Reasons {
		text := fmt.Sprintf("%s -%d", reason.Characteristic, reason.Lost)
		e.Reasons = append(e.Reasons, strings.Join(slices.Insert(slices.Clone(reason.Records), 0, text), " "))
	}
	for _, p := range r.Points {
		points := int64(p.Points)
		pair := [2]*int64{nil, &points}
		if p.Applicable {
			pair[0] = &p.Value
		}
		if e.Points == nil {
			e.Points = map[string][2]*int64{}
		}
		e.Points[p.Characteristic] = pair
	}
	return e
}

func caps(t *testing.T, names []string) (list []held) {
	for _, n := range names {
		c, ok := types.Cap_value[n]
		require.True(t, ok, n)
		list = append(list, held{cap: types.Cap(c)})
	}
	return list
}

func TestVectorsPartScore(t *testing.T) {
	for _, v := range readVectors(t).P {
		require.Equal(t, v[1], PartScore(v[0]), "%d days", v[0])
	}
}

func TestVectorsConclusions(t *testing.T) {
	model := ExpertV1()
	for _, v := range readVectors(t).Conclusions {
		t.Run(v.Name, func(t *testing.T) {
			card, err := scorecard(model, types.Segment(types.Segment_value[v.Segment]))
			require.NoError(t, err)
			require.Len(t, v.Points, len(card.Characteristics))
			var r types.ScoreResult
			for i, c := range card.Characteristics {
				r.Points = append(r.Points, &types.CharacteristicPoints{
					Characteristic: c.Id, Points: v.Points[i], MaxPoints: c.Bins[0].Points,
				})
			}
			conclude(&r, model, caps(t, v.Caps))
			got := say(&r)
			require.Equal(t, v.Expect.Score, got.Score)
			require.Equal(t, v.Expect.Class, got.Class)
			require.Equal(t, v.Expect.Cap, got.Cap)
			require.Equal(t, slices.Concat([]string{}, v.Expect.Reasons), slices.Concat([]string{}, got.Reasons))
		})
	}
}

func TestVectorsIndex(t *testing.T) {
	v := readVectors(t)
	for _, c := range v.Index {
		t.Run(c.Name, func(t *testing.T) {
			w := newWorld(t, v.Subject, day(t, c.Day), &c.Facts)
			index, applicable, err := Index(w.load(), w.day)
			require.NoError(t, err)
			require.Equal(t, c.Index != nil, applicable)
			if applicable {
				require.Equal(t, *c.Index, index)
			}
		})
	}
}

func TestVectorsScores(t *testing.T) {
	v, model := readVectors(t), ExpertV1()
	seen := map[string]map[int64]bool{} // characteristic → points that some vector reaches
	for _, c := range v.Scores {
		t.Run(c.Name, func(t *testing.T) {
			f := merge(t, v.Profiles[c.Profile], c.Facts)
			w := newWorld(t, v.Subject, day(t, c.Day), &f)
			rows := w.load()
			r, err := Compute(rows, model, w.day)
			require.NoError(t, err)
			require.True(t, r.NotCalibrated)
			want := c.Expect
			want.Reasons = nilIfEmpty(want.Reasons)
			require.Equal(t, want, say(r))
			for _, p := range r.Points {
				if seen[p.Characteristic] == nil {
					seen[p.Characteristic] = map[int64]bool{}
				}
				seen[p.Characteristic][int64(p.Points)] = true
			}
			requireIndexOnly(t, r)
		})
	}
	for _, card := range model.Scorecards { // every bin of every characteristic has a vector
		for _, c := range card.Characteristics {
			for _, b := range c.Bins {
				require.True(t, seen[c.Id][int64(b.Points)], "%s: no vector with %d points", c.Id, b.Points)
			}
			if c.Id != "C10" && c.Id != "S8" { // their rest has fewer than two members: unscored
				require.True(t, seen[c.Id][int64(c.Rest)], "%s: no vector with %d points", c.Id, c.Rest)
			}
		}
	}
}

// merge replaces lists of the profile by those of the vector.
func merge(t *testing.T, profile, facts map[string]json.RawMessage) (f vectorFacts) {
	all := maps.Clone(profile)
	maps.Copy(all, facts)
	data, err := json.Marshal(all)
	require.NoError(t, err)
	strict(t, data, &f)
	return f
}

func nilIfEmpty(s []string) []string {
	if len(s) == 0 {
		return nil
	}
	return s
}

// An INDEX answer holds nothing that a score or class could be read from.
func requireIndexOnly(t *testing.T, r *types.ScoreResult) {
	require.Equal(t, &types.ScoreResult{IndexApplicable: r.IndexApplicable, Index: r.Index, NotCalibrated: true}, Restrict(r, types.Output_INDEX))
	require.Equal(t, Restrict(r, types.Output_INDEX), Restrict(r, types.Output_OUTPUT_UNSPECIFIED))
	require.Equal(t, r, Restrict(r, types.Output_SCORE))
}
