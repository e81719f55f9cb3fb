package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"tradecredit/client/verifier"
	"tradecredit/types"
)

// question is what the page asks: one JSON object beside the files.
type question struct {
	NowUnix         int64  `json:"now_unix"`
	AsOf            string `json:"as_of"` // a day; empty: now
	AllowSimulation bool   `json:"allow_simulation"`
	MaxAgeDays      int64  `json:"max_age_days"` // refuse an older state; 0: any age
	TrustDays       int64  `json:"trust_days"`   // for how long signatures count; 0: as the trust file says
}

// answer is what the page shows.
type answer struct {
	Verified bool    `json:"verified"`
	Standing int     `json:"standing"`          // verifier.Standing; 0: not verified
	Refused  *texts  `json:"refused,omitempty"` // why it is not verified
	English  string  `json:"en"`                // the page for a credit officer
	Chinese  string  `json:"zh"`
	Entries  [][]any `json:"entries"` // number, day, what it is in both languages, base amount, counterparty, record
	First    uint64  `json:"first_entry"`
}

// texts are one sentence in both languages.
type texts struct {
	English string `json:"en"`
	Chinese string `json:"zh"`
}

func explain(err error) *texts {
	return &texts{verifier.Explain(err, verifier.English), verifier.Explain(err, verifier.Chinese)}
}

// shownEntries is how many entries the page lists, the newest.
const shownEntries = 2000

// verify answers the page: report and trust are the files' contents.
func verify(report, trust, asked []byte) answer {
	a, err := judge(report, trust, asked)
	if err != nil {
		return answer{Refused: explain(err)}
	}
	return *a
}

func judge(report, trust, asked []byte) (*answer, error) {
	var q question
	if err := json.Unmarshal(asked, &q); err != nil {
		return nil, err
	}
	opts := verifier.Options{Now: time.Unix(q.NowUnix, 0), AllowSimulation: q.AllowSimulation,
		MaxAge: days(q.MaxAgeDays), TrustPeriod: days(q.TrustDays)}
	if q.AsOf != "" {
		day, err := time.Parse(time.DateOnly, q.AsOf)
		if err != nil {
			return nil, err
		}
		opts.Now = day.Add(24*time.Hour - time.Second)
	}
	pin := new(verifier.Trust)
	if err := pin.UnmarshalJSON(trust); err != nil {
		return nil, err
	}
	r, err := verifier.Decode(report)
	if err != nil {
		return nil, err
	}
	v, err := verifier.Verify(r, pin, opts)
	if err != nil {
		return nil, err
	}
	a := &answer{Verified: v.Standing != verifier.OldTrustOnly, Standing: int(v.Standing)}
	for lang, page := range map[verifier.Language]*string{verifier.English: &a.English, verifier.Chinese: &a.Chinese} {
		var b bytes.Buffer
		if err := verifier.WritePage(&b, v, lang); err != nil {
			return nil, err
		}
		*page = b.String()
	}
	a.list(v)
	return a, nil
}

// days is so many days, none for a number that makes no sense.
func days(n int64) time.Duration {
	if n < 0 || n > 100_000 {
		return 0
	}
	return time.Duration(n) * 24 * time.Hour
}

// list fills the newest entries.
func (a *answer) list(v *verifier.Verdict) {
	if v.Entries == nil {
		return
	}
	from := max(len(v.Entries.Rows)-shownEntries, 0)
	a.First = v.Entries.First + uint64(from)
	for i, e := range v.Entries.Rows[from:] {
		name := texts{verifier.EntryName(e.Kind, verifier.English), verifier.EntryName(e.Kind, verifier.Chinese)}
		a.Entries = append(a.Entries, []any{fmt.Sprint(a.First + uint64(i)), types.FormatDay(e.Day), name,
			verifier.Money(e.BaseMinor, v.BaseCurrency), e.Counterparty, e.Record})
	}
}

// pinned says what a trust file pins, so that a person can compare it with what another member says.
type pinned struct {
	Refused    *texts `json:"refused,omitempty"`
	ChainID    string `json:"chain_id"`
	Height     int64  `json:"height"`
	Validators int    `json:"validators"`
	Until      string `json:"until"`  // empty: without end
	SHA256     string `json:"sha256"` // of the file
}

// pin reads a trust file for the page.
func pin(trust []byte) pinned {
	t := new(verifier.Trust)
	if err := t.UnmarshalJSON(trust); err != nil {
		return pinned{Refused: explain(err)}
	}
	sum := sha256.Sum256(trust)
	p := pinned{ChainID: t.ChainID, Height: t.Height, Validators: len(t.Validators), SHA256: hex.EncodeToString(sum[:])}
	if t.Period > 0 {
		p.Until = t.Since.Add(t.Period).UTC().Format(time.DateOnly)
	}
	return p
}
