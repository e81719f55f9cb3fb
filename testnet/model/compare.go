package model

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"tradecredit/types"
)

// MaxDifferences is how many lines a comparison returns at most.
const MaxDifferences = 20

// Get reads a row of the committed state; nil without an error when there is none. state.View.Get is one.
type Get = func(key string) ([]byte, error)

// GetEntry reads a row of a subject's log, from 0. state.View.Entry is one.
type GetEntry = func(subject string, number uint64) ([]byte, error)

// rowOf reads a row; a zero one when there is none.
func rowOf[V any](get Get, key string) (v V, err error) {
	raw, err := get(key)
	if err == nil && raw != nil {
		err = any(&v).(interface{ Unmarshal([]byte) error }).Unmarshal(raw)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", key, err)
	}
	return v, err
}

// comparer is a table.
type comparer interface {
	compare(get Get, all bool) []string
	under(prefix string) []string
	untouched() (restore func())
}

// Compare tells what of the records that changed since the last comparison is not in the state as the model has it.
func (m *Model) Compare(get Get) []string { return m.compare(get, false) }

// CompareAll compares every record, and the sums that scores read.
func (m *Model) CompareAll(get Get) []string {
	out := append(m.compare(get, true), m.compareSums(get)...)
	return out[:min(len(out), MaxDifferences)]
}

// CompareLogs tells what of the rows posted since the last comparison does not stand in the subjects' logs.
func (m *Model) CompareLogs(get GetEntry) (out []string) {
	for _, subject := range sorted(m.logs) {
		rows := m.logs[subject]
		for n := m.comparedRows[subject]; n <= len(rows) && len(out) < MaxDifferences; n++ {
			raw, err := get(subject, uint64(n))
			at := fmt.Sprintf("log of %s #%d", subject, n)
			if n == len(rows) {
				if err == nil && raw != nil {
					out = append(out, at+": the model has no such row")
				}
				break
			}
			var is types.Entry
			if err == nil {
				err = is.Unmarshal(raw)
			}
			if err != nil || raw == nil {
				out = append(out, fmt.Sprintf("%s: the model has %s, the state none (%v)", at, rows[n].Kind, err))
				break
			}
			want := rows[n]
			blank(&want)
			blank(&is)
			for _, d := range differences(reflect.ValueOf(want), reflect.ValueOf(is), "") {
				out = append(out, fmt.Sprintf("%s %s %s", at, rows[n].Kind, d))
			}
		}
		m.comparedRows[subject] = len(rows)
	}
	return out[:min(len(out), MaxDifferences)]
}

func (m *Model) compare(get Get, all bool) (out []string) {
	for _, t := range m.tables {
		out = append(out, t.compare(get, all)...)
	}
	return out[:min(len(out), MaxDifferences)]
}

func (t *table[V]) compare(get Get, all bool) (out []string) {
	keys := sorted(t.touched)
	if all {
		keys = sorted(t.rows)
	}
	for _, key := range keys {
		raw, err := get(key)
		if err != nil {
			return append(out, fmt.Sprintf("%s: %v", key, err))
		}
		want, there := t.rows[key]
		if there != (raw != nil) {
			out = append(out, fmt.Sprintf("%s: the model has it: %v, the state: %v", key, there, raw != nil))
			continue
		}
		if !there {
			continue
		}
		var is V
		if err := any(&is).(interface{ Unmarshal([]byte) error }).Unmarshal(raw); err != nil {
			return append(out, fmt.Sprintf("%s: %v", key, err))
		}
		blank(&want)
		blank(&is)
		for _, d := range differences(reflect.ValueOf(want), reflect.ValueOf(is), "") {
			out = append(out, key+" "+d)
		}
	}
	t.touched = map[string]bool{}
	return out
}

// differences lists the fields that differ; nil and empty are equal.
func differences(want, is reflect.Value, path string) []string {
	if want.Kind() == reflect.Pointer && want.IsNil() != is.IsNil() {
		return []string{fmt.Sprintf("%s: the model has it: %v, the state: %v", path, !want.IsNil(), !is.IsNil())}
	}
	switch want.Kind() {
	case reflect.Interface, reflect.Pointer:
		if want.IsNil() || is.IsNil() {
			return nil
		}
		return differences(want.Elem(), is.Elem(), path)
	case reflect.Struct:
		var out []string
		for i := range want.NumField() {
			field := want.Type().Field(i).Name
			if strings.HasSuffix(field, "Entry") || strings.HasSuffix(field, "Entries") || field == "Frontier" {
				continue // a record's pointers into the logs: the logs are compared row by row
			}
			name := strings.TrimPrefix(path+"."+field, ".")
			out = append(out, differences(want.Field(i), is.Field(i), name)...)
		}
		return out
	case reflect.Slice:
		if want.Len() != is.Len() {
			return []string{fmt.Sprintf("%s: the model has %v, the state %v", path, want, is)}
		}
		if want.Type().Elem().Kind() == reflect.Uint8 {
			if !slices.Equal(want.Bytes(), is.Bytes()) {
				return []string{fmt.Sprintf("%s: the model has %x, the state %x", path, want, is)}
			}
			return nil
		}
		var out []string
		for i := range want.Len() {
			out = append(out, differences(want.Index(i), is.Index(i), fmt.Sprintf("%s.%d", path, i))...)
		}
		return out
	}
	if !want.Equal(is) {
		return []string{fmt.Sprintf("%s: the model has %v, the state %v", path, want, is)}
	}
	return nil
}
