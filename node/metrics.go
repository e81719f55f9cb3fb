package node

import (
	"net/http"
	"sync"
	"time"

	"github.com/cometbft/cometbft/blocksync"
	cmtcfg "github.com/cometbft/cometbft/config"
	cs "github.com/cometbft/cometbft/consensus"
	"github.com/cometbft/cometbft/mempool"
	cmtnode "github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/proxy"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/statesync"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metricsNamespace begins the names of this node's own metrics; CometBFT's begin with "cometbft".
const metricsNamespace = "ledgerd"

// newRegistry is a registry for one node: two nodes in one process never share one.
func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// defaultRegistry guards the process-wide registry while engineMetrics stands in for it.
var defaultRegistry sync.Mutex

// engineMetrics makes CometBFT's metrics in a node's own registry. CometBFT knows only the process-wide one and panics when a
// second node registers there, so that is swapped while its metrics are made, which is the only time it is used.
func engineMetrics(r *prometheus.Registry) cmtnode.MetricsProvider {
	return func(chainID string) (*cs.Metrics, *p2p.Metrics, *mempool.Metrics, *sm.Metrics, *proxy.Metrics, *blocksync.Metrics, *statesync.Metrics) {
		defaultRegistry.Lock()
		defer defaultRegistry.Unlock()
		before := prometheus.DefaultRegisterer
		prometheus.DefaultRegisterer = r
		defer func() { prometheus.DefaultRegisterer = before }()
		return cmtnode.DefaultMetricsProvider(&cmtcfg.InstrumentationConfig{Prometheus: true, Namespace: "cometbft"})(chainID)
	}
}

// newMetricsServer listens for Prometheus and registers what only the node knows.
func (n *Node) newMetricsServer() (*server, error) {
	gauge := func(name, help string, f func() float64) {
		n.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: metricsNamespace, Name: name, Help: help}, f))
	}
	gauge("height", "Last committed height.", func() float64 { return float64(n.Height()) })
	gauge("clock_offset_seconds",
		"This machine's clock less the time of the newest block. Between 0 and a few seconds when all is well; negative: this clock is behind.",
		func() float64 { return time.Since(n.chain.lastHeaderTime()).Seconds() })
	gauge("state_keys", "Leaves of the state tree.", func() float64 { return float64(n.state.Metrics().Keys) })
	gauge("state_disk_bytes", "Bytes of the state on disk, obsolete files included.", func() float64 { return float64(n.state.Metrics().DiskBytes) })
	gauge("state_compaction_debt_bytes", "Bytes that the state's compactions still have to move.", func() float64 { return float64(n.state.Metrics().Debt) })
	gauge("state_oldest_height", "Lowest height that can be read.", func() float64 { return float64(n.state.Metrics().Oldest) })
	gauge("state_l0_files", "Files of the state that reads look through one by one.", func() float64 { return float64(n.state.Metrics().L0Files) })
	gauge("state_open_views", "Heights that are being read.", func() float64 { return float64(n.state.Metrics().OpenViews) })
	gauge("index_height", "Height of the state that the lists show; 0 while they are being made.", func() float64 { return float64(n.indexer.height()) })
	gauge("index_lag", "Committed blocks that the lists do not show yet.", func() float64 { return float64(n.indexer.lag()) })
	gauge("index_failed", "1 once the lists of this node have failed; it goes on without.", func() float64 {
		if n.indexer.broken.Load() {
			return 1
		}
		return 0
	})
	gauge("index_disk_bytes", "Bytes of the lists on disk, obsolete files included.", func() float64 { return float64(n.indexer.diskBytes()) })
	gauge("catching_up", "1 while the node fetches old blocks.", func() float64 {
		if n.chain.catchingUp() {
			return 1
		}
		return 0
	})
	gauge("disk_free_bytes", "Free space where the home is.", func() float64 {
		left, err := freeSpace(n.cfg.Home)
		if err != nil {
			return -1
		}
		return float64(left)
	})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 3, Timeout: 10 * time.Second}))
	return listen(listener{"metrics.laddr", n.cfg.Metrics.Laddr}, mux, n.logger)
}
