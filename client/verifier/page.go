package verifier

import (
	"embed"
	"fmt"
	"io"
	"strings"
	"text/template"
	"time"

	"tradecredit/types"
)

// Language is one of those in which people read reports.
type Language string

// The languages of pages.
const (
	English Language = "en"
	Chinese Language = "zh"
)

//go:embed pages
var pageFiles embed.FS

var pages = map[Language]*template.Template{
	English: template.Must(template.ParseFS(pageFiles, "pages/en.txt")),
	Chinese: template.Must(template.ParseFS(pageFiles, "pages/zh.txt")),
}

// line is one reason or one row of points, as it is printed.
type line struct{ Code, Lost, Points, Value, Text string }

// page is what the templates print.
type page struct {
	Status, Subject, Class, ClassMeaning, Index, Cap, Model, Day, Grantee, Purpose, Receipt, Notice string
	Score                                                                                           int32
	ScoredHeight, HeaderHeight, Experiences, FulfilledSales                                         int64
	Counterparties                                                                                  int32
	Simulation, HasScore, IsScore, NotCalibrated, ByDelegate, StandardNotice                        bool
	Unscored, NotProved                                                                             []string
	Reasons, Points, Objects, Documents, Log                                                        []line
	LargestMember, Late, SignedShare, ChainID, HeaderTime, AppHash, Standing, Anchored, Judged      string
	Until, ModelDigest                                                                              string // Until: empty without end
	Signed, Validators, Hops, Inputs                                                                int
	OldTrust, Recomputed, HasEntries, Complete, SumsChecked                                         bool
	FirstEntry, LastEntry, Entries, AllEntries, StateHeight                                         uint64
}

// WritePage prints a verified report for a person, on one page.
func WritePage(w io.Writer, v *Verdict, lang Language) error {
	t, ok := pages[lang]
	if !ok {
		return fmt.Errorf("client: no page in language %q; there are en and zh", lang)
	}
	return t.Execute(w, v.page(lang))
}

func (v *Verdict) page(lang Language) *page {
	words, r, result := wording[lang], v.Receipt, v.Receipt.Result
	p := &page{
		Status: words.verified, Subject: r.Subject, Model: r.Model, Day: types.FormatDay(r.Day), Grantee: v.Grantee,
		Purpose: words.purposes[v.Purpose], Receipt: r.Id, Notice: v.Notice, Simulation: v.Simulation,
		StandardNotice: v.Notice == types.SimulationNotice,
		Score:          result.Score, ScoredHeight: r.ScoredHeight, HeaderHeight: v.Height + 1,
		Experiences: result.Experiences, FulfilledSales: result.FulfilledSales, Counterparties: result.Counterparties,
		IsScore: r.Output == types.Output_SCORE, NotCalibrated: result.NotCalibrated, ByDelegate: r.ByDelegate,
		NotProved: v.notProved(words), LargestMember: percent(int64(result.LargestMemberBp)), Late: percent(int64(result.LateBp)),
		SignedShare: percent(v.SignedBp), ChainID: v.ChainID, HeaderTime: v.HeaderTime.Format(time.RFC3339),
		AppHash: v.AppHash.String()[:16] + "…", Signed: v.Signed, Validators: v.Validators,
		Index: words.noIndex, Standing: words.standings[v.Standing], OldTrust: v.Standing == OldTrustOnly,
		Hops: v.Hops, Recomputed: v.Recomputed, Inputs: v.Inputs, StateHeight: uint64(v.Height),
		Judged: v.Judged.Format(time.DateOnly), ModelDigest: fmt.Sprintf("%x…", r.ModelDigest[:8]),
	}
	if !v.Until.IsZero() {
		p.Until = v.Until.Format(time.DateOnly)
	}
	if v.AnchorHeight > 0 {
		p.Anchored = fmt.Sprintf(words.anchored, v.AnchorHeight, v.AnchorTime.Format(time.RFC3339))
	}
	if result.IndexApplicable {
		p.Index = fmt.Sprintf(words.index, result.Index)
	}
	if r.Output == types.Output_INDEX {
		p.Index += words.indexOnly
	}
	p.HasScore = p.IsScore && result.Class != types.ScoreClass_CLASS_U
	if p.HasScore {
		p.Class = strings.TrimPrefix(result.Class.String(), "CLASS_")
		p.ClassMeaning = words.classes[result.Class]
	}
	for _, u := range result.Unscored {
		p.Unscored = append(p.Unscored, u.String()+"  "+fmt.Sprintf(words.unscored[u], v.minimum(u)))
	}
	if result.Cap > 0 {
		p.Cap = fmt.Sprintf(words.capped, result.Cap)
	}
	p.lines(v, words)
	p.scope(v, words)
	p.log(v.Entries, words)
	return p
}

// NotProved lists what a report does not show, in English.
func (v *Verdict) NotProved() []string { return v.notProved(english) }

// notProved lists what a report does not show.
func (v *Verdict) notProved(words *words) []string {
	var out []string
	if v.Standing == OldTrustOnly {
		out = append(out, words.oldTrust)
	}
	if v.Receipt.Output == types.Output_SCORE && !v.Recomputed {
		out = append(out, words.notRecomputed)
	}
	if v.Entries == nil || !v.Entries.Complete() {
		out = append(out, words.notComplete)
	}
	if v.Recomputed && (v.Entries == nil || !v.Entries.SumsChecked) {
		out = append(out, words.notSummed)
	}
	return append(out, words.notTrue)
}

// scope fills objects and documents.
func (p *page) scope(v *Verdict, words *words) {
	for _, o := range v.Objects {
		l := line{Code: o.Key, Text: words.free}
		switch {
		case !o.Known:
			l.Value = words.unknown
		default:
			l.Value = words.status(o.Status) + words.comma + Money(o.Minor, o.Currency)
		}
		if len(o.Liens) > 0 {
			l.Text = words.pledged + liensText(o.Liens, o.Currency, words)
		} else if len(o.OnTrade) > 0 {
			l.Text += fmt.Sprintf(words.tradePledged, o.Trade, len(o.OnTrade))
		}
		if o.Dispute != "" {
			l.Text += fmt.Sprintf(words.disputed, o.Dispute)
		}
		p.Objects = append(p.Objects, l)
	}
	for _, d := range v.Documents {
		l := line{Code: "document/" + d.ID, Value: words.unknown}
		if d.Known {
			l.Value, l.Text = words.status(d.Status), fmt.Sprintf(words.document, d.Type, d.Verdicts)
			if d.Until != 0 {
				l.Text += fmt.Sprintf(words.until, types.FormatDay(d.Until))
			}
		}
		p.Documents = append(p.Documents, l)
	}
}

func liensText(liens []Lien, currency string, words *words) string {
	var out []string
	for _, l := range liens {
		s := fmt.Sprintf("%s %s (%s)", l.Lender, Money(l.Minor, currency), l.Financing)
		if l.Reserved {
			s += words.reserved
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

// log fills what the entries are, by groups of their kinds.
func (p *page) log(e *EntriesVerdict, words *words) {
	if e == nil {
		return
	}
	p.HasEntries, p.Complete, p.SumsChecked = true, e.Complete(), e.SumsChecked
	p.FirstEntry, p.Entries, p.AllEntries = e.First, e.Count, e.Total
	p.LastEntry = e.First + max(e.Count, 1) - 1
	counts, latest := map[string]int{}, map[string]int32{}
	for _, row := range e.Rows {
		g := groupOf(row.Kind)
		counts[g]++
		latest[g] = max(latest[g], row.Day)
	}
	for _, g := range groups {
		if n := counts[g]; n > 0 {
			p.Log = append(p.Log, line{Value: fmt.Sprintf("%7d", n), Code: types.FormatDay(latest[g]), Text: words.groups[g]})
		}
	}
}

// minimum is what the model demands, for the sentence about what is missing.
func (v *Verdict) minimum(u types.Unscored) int32 {
	m := v.Model.Minimums
	switch u {
	case types.Unscored_U1:
		return m.Experiences
	case types.Unscored_U2:
		return m.Counterparties
	case types.Unscored_U3:
		return m.Days
	case types.Unscored_U4:
		return m.Members
	}
	return 1
}

// lines fills reasons and points, in columns.
func (p *page) lines(v *Verdict, words *words) {
	measures := map[string]types.Measure{}
	for _, s := range v.Model.Scorecards {
		for _, c := range s.Characteristics {
			measures[c.Id] = c.Measure
		}
	}
	text := func(id string) string {
		if m, ok := measures[id]; ok {
			return words.measures[m]
		}
		if c, ok := types.Cap_value[id]; ok {
			return words.caps[types.Cap(c)]
		}
		return id
	}
	for _, r := range v.Receipt.Result.Reasons {
		p.Reasons = append(p.Reasons, line{Code: fmt.Sprintf("%-4s", r.Characteristic), Lost: fmt.Sprintf("%-3d", r.Lost),
			Text: text(r.Characteristic) + v.nextBin(r.Characteristic, words) + recordsText(r.Records)})
	}
	for _, c := range v.Receipt.Result.Points {
		p.Points = append(p.Points, line{
			Code: fmt.Sprintf("%-4s", c.Characteristic), Points: fmt.Sprintf("%3d/%3d", c.Points, c.MaxPoints),
			Value: wide(measureText(measures[c.Characteristic], c, words), 10), Text: text(c.Characteristic),
		})
	}
}

// recordsText names the records that a reason rests on.
func recordsText(records []string) string {
	if len(records) == 0 {
		return ""
	}
	return ": " + strings.Join(records, ", ")
}

// nextBin says what would move a characteristic's points: the nearest better bin of the model, or that there is no value
// yet. Empty for a cap.
func (v *Verdict) nextBin(id string, words *words) string {
	for _, s := range v.Model.Scorecards {
		if s.Segment != v.Receipt.Result.Segment {
			continue
		}
		for i, c := range s.Characteristics {
			p := v.Receipt.Result.Points[i]
			if c.Id != id {
				continue
			}
			if !p.Applicable {
				return words.noData
			}
			for k := len(c.Bins) - 1; k >= 0; k-- {
				if b := c.Bins[k]; b.Points > p.Points {
					return fmt.Sprintf(words.better, boundText(c, b.Bound, words), b.Points-p.Points)
				}
			}
		}
	}
	return ""
}

// boundText prints the bound of a bin as a demand on the value.
func boundText(c *types.Characteristic, bound int64, words *words) string {
	value := fmt.Sprint(bound)
	switch c.Measure {
	case types.Measure_MEASURE_TPI, types.Measure_MEASURE_ACTIVE_MONTHS, types.Measure_MEASURE_MEMBERS, types.Measure_MEASURE_CONCENTRATION:
	case types.Measure_MEASURE_WORST_DBT:
		return fmt.Sprintf(words.daysUpTo, bound-1)
	default:
		value = percent(bound)
	}
	if c.AtLeast {
		return words.atLeast + value
	}
	return words.below + value
}

// measureText prints a value in the unit of its measure.
func measureText(m types.Measure, c *types.CharacteristicPoints, words *words) string {
	if !c.Applicable {
		return words.notApplicable
	}
	switch m {
	case types.Measure_MEASURE_TPI, types.Measure_MEASURE_ACTIVE_MONTHS, types.Measure_MEASURE_MEMBERS:
		return fmt.Sprint(c.Value)
	case types.Measure_MEASURE_WORST_DBT:
		if c.Value >= 90 {
			return fmt.Sprintf(words.daysFrom, c.Value)
		}
		return fmt.Sprintf(words.daysUpTo, c.Value)
	case types.Measure_MEASURE_CONCENTRATION:
		return fmt.Sprint(c.Value)
	}
	return percent(c.Value)
}

// wide puts spaces before a text until it takes so many columns; Chinese characters take two.
func wide(s string, columns int) string {
	for _, r := range s {
		columns--
		if r >= 0x2e80 {
			columns--
		}
	}
	return strings.Repeat(" ", max(columns, 0)) + s
}

// status is the word for the name of a record's state.
func (w *words) status(name string) string {
	for _, kind := range []string{"DOCUMENT_", "DECLARATION_IS_", "DECLARATION_", "TRANSFERABLE_"} {
		name = strings.TrimPrefix(name, kind)
	}
	if s, ok := w.statuses[name]; ok {
		return s
	}
	return strings.ReplaceAll(strings.ToLower(name), "_", " ")
}

// percent prints basis points.
func percent(bp int64) string { return fmt.Sprintf("%d.%02d %%", bp/100, bp%100) }
