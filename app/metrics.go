package app

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tradecredit/app/ledger"
	"tradecredit/types"
)

// metrics counts what the application does. None of it is consensus.
type metrics struct {
	height       prometheus.Gauge
	blockTime    prometheus.Gauge
	transactions *prometheus.CounterVec // code
	messages     *prometheus.CounterVec // message, code
	admissions   *prometheus.CounterVec // source, code
	rejections   *prometheus.CounterVec // code
	drops        *prometheus.CounterVec // reason
	evidence     *prometheus.CounterVec // type
	lookedUp     *prometheus.CounterVec // found
	steps        *prometheus.HistogramVec
	blockTxs     prometheus.Histogram
	due          *prometheus.CounterVec // outcome

	snapshotHeight, snapshotBytes, snapshotSeconds prometheus.Gauge
}

func newMetrics(r prometheus.Registerer, p *pool) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "tradecredit", Subsystem: "app", Name: name, Help: help}, labels)
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "tradecredit", Subsystem: "app", Name: name, Help: help})
	}
	m := &metrics{
		height:          gauge("height", "Newest committed height."),
		blockTime:       gauge("block_time_seconds", "Time of the newest committed block, Unix."),
		transactions:    counter("transactions_total", "Transactions in committed blocks, by result code.", "code"),
		messages:        counter("messages_total", "Messages in committed blocks, by message and code.", "message", "code"),
		admissions:      counter("admissions_total", "Transactions that arrived, by source and answer.", "source", "code"),
		rejections:      counter("proposals_rejected_total", "Proposals of others that were rejected, by code.", "code"),
		drops:           counter("dropped_total", "Waiting transactions that left the pool without a block, by reason.", "reason"),
		evidence:        counter("misbehaviour_total", "Evidence against validators in committed blocks, by type.", "type"),
		lookedUp:        counter("lookups_total", "Transactions of proposals and blocks, by whether they were verified before.", "known"),
		snapshotHeight:  gauge("snapshot_height", "Height of the newest snapshot that was made since the start."),
		snapshotBytes:   gauge("snapshot_bytes", "Bytes of that snapshot."),
		snapshotSeconds: gauge("snapshot_seconds", "How long it took, most of it rest."),
		due:             counter("due_items_total", "Due items taken up at the start of blocks, by outcome.", "outcome"),
		steps: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "tradecredit", Subsystem: "app", Name: "step_seconds",
			Help: "Time of each step of a block, the wait for transactions not included.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14)}, []string{"step"}),
		blockTxs: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "tradecredit", Subsystem: "app", Name: "block_transactions",
			Help: "Transactions in a block.", Buckets: prometheus.ExponentialBuckets(1, 4, 8)}),
	}
	if r == nil {
		return m, nil
	}
	pending := func(name, help string, value func() int64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "tradecredit", Subsystem: "app", Name: name, Help: help},
			func() float64 { return float64(value()) })
	}
	for _, c := range []prometheus.Collector{m.height, m.blockTime, m.transactions, m.messages, m.admissions, m.rejections, m.drops,
		m.evidence, m.lookedUp, m.due, m.steps, m.blockTxs, m.snapshotHeight, m.snapshotBytes, m.snapshotSeconds,
		pending("pending_transactions", "Transactions that wait for a block.", func() int64 { txs, _ := p.size(); return txs }),
		pending("pending_bytes", "Bytes of transactions that wait for a block.", func() int64 { _, bytes := p.size(); return bytes }),
	} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("app: metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) entered(from source, answers []Admission) {
	for i := range answers {
		m.admissions.WithLabelValues(from.String(), codeName(answers[i].Code)).Inc()
	}
}

// codeName names a code; those that are this node's own are no part of the enum.
func codeName(c types.Code) string {
	switch c {
	case types.NodeCodeFull:
		return "node_full"
	case types.NodeCodeBehind:
		return "node_behind"
	case types.NodeCodeQuota:
		return "node_quota"
	case types.NodeCodeStopping:
		return "node_stopping"
	case types.NodeCodeDuplicate:
		return "node_duplicate"
	}
	return c.String()
}

func (m *metrics) misbehaved(kind string) { m.evidence.WithLabelValues(kind).Inc() }

func (m *metrics) rejected(c types.Code) { m.rejections.WithLabelValues(codeName(c)).Inc() }

func (m *metrics) dropped(reason string, n int) {
	if n > 0 {
		m.drops.WithLabelValues(reason).Add(float64(n))
	}
}

func (m *metrics) lookups(known, missing int) {
	m.lookedUp.WithLabelValues("yes").Add(float64(known))
	m.lookedUp.WithLabelValues("no").Add(float64(missing))
}

// step observes how long a step of a block took.
func (m *metrics) step(name string, began time.Time) {
	m.steps.WithLabelValues(name).Observe(time.Since(began).Seconds())
}

// committed counts a block.
func (m *metrics) committed(b *stagedBlock) {
	m.height.Set(float64(b.height))
	m.blockTime.Set(float64(b.unix))
	m.blockTxs.Observe(float64(len(b.txs)))
	counts := make(map[messageResult]int)
	for i := range b.results {
		m.transactions.WithLabelValues(codeName(b.results[i].Code)).Inc()
		for j, code := range b.results[i].Codes {
			counts[messageResult{types.IndexOf(b.txs[i].tx.Body.Messages[j].Get()), code}]++
		}
	}
	for r, n := range counts {
		m.messages.WithLabelValues(types.Table[r.message].Name, codeName(r.code)).Add(float64(n))
	}
}

// messageResult is a message, by its place in types.Table, and what became of it.
type messageResult struct {
	message int
	code    types.Code
}

// snapshotMade says what the newest snapshot is.
func (m *metrics) snapshotMade(height, bytes int64, took time.Duration) {
	m.snapshotHeight.Set(float64(height))
	m.snapshotBytes.Set(float64(bytes))
	m.snapshotSeconds.Set(took.Seconds())
}

// began counts what time alone did at the start of a block.
func (m *metrics) began(s ledger.BeginStats) {
	m.due.WithLabelValues("done").Add(float64(s.Due - s.Bad))
	m.due.WithLabelValues("refused").Add(float64(s.Bad))
}
