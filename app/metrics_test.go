package app

import (
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// counted reads a counter by its name and its labels' names and values; 0 if it was never touched.
func counted(t testing.TB, registry *prometheus.Registry, name string, labels ...string) float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			var have []string
			for _, l := range m.GetLabel() {
				have = append(have, l.GetName(), l.GetValue())
			}
			if slices.Equal(have, labels) {
				return m.GetCounter().GetValue()
			}
		}
		return 0
	}
	require.Fail(t, "no metric "+name)
	return 0
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	w := newWorld(t)
	r := newReplica(t, w, Options{Registerer: registry})
	r.block()
	r.submit(types.Code_ok, w.tx(t, "forex", r.unix, fixings(0, 7)...))
	r.submit(types.Code_role_not_permitted, w.tx(t, "bank-a", r.unix, fixing(0)))
	r.propose()
	require.EqualValues(t, 7, counted(t, registry, "tradecredit_app_messages_total", "code", "ok", "message", "publish_fixing"))
	require.EqualValues(t, 1, counted(t, registry, "tradecredit_app_admissions_total", "code", "ok", "source", "client"))
	require.EqualValues(t, 1, counted(t, registry, "tradecredit_app_admissions_total", "code", "role_not_permitted", "source", "client"))
	_, err := New(r.db, Options{Registerer: registry})
	require.ErrorContains(t, err, "metrics", "two applications need two registries")
}
