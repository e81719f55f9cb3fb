package node

import (
	"container/list"
	"net/http"
	"net/netip"
	"sync"

	"golang.org/x/time/rate"
)

// Bounds that are no settings.
const (
	bodyBytesAtOnce  = 256 << 20 // of all requests under way together
	waitersAtOnce    = 8192      // requests that wait for a block, beside those that are worked on
	remotesKept      = 16384     // remote addresses whose rate is remembered
	burstSeconds     = 10        // a rate's worth of seconds may come at once
	ipv6SubnetPrefix = 64        // one IPv6 customer has at least that many bits to choose from
)

// limits keeps one caller from taking what all need.
type limits struct {
	working chan struct{} // one token a request at work
	waiting chan struct{} // one token a request that waits for a block
	body    int64         // largest body

	mu      sync.Mutex
	bodies  int64 // bytes of bodies under way
	rate    rate.Limit
	burst   int
	remotes map[netip.Addr]*list.Element // of *remote
	recent  *list.List                   // newest first
}

type remote struct {
	address netip.Addr
	limiter *rate.Limiter
}

func newLimits(c *APIConfig) *limits {
	return &limits{
		working: make(chan struct{}, c.MaxRequests), waiting: make(chan struct{}, waitersAtOnce), body: c.MaxBodyBytes,
		rate: rate.Limit(c.RequestsPerSecond), burst: int(c.RequestsPerSecond) * burstSeconds,
		remotes: map[netip.Addr]*list.Element{}, recent: list.New(),
	}
}

// ticket is what a request at work has taken of the limits.
type ticket struct {
	limits  *limits
	working bool
	bytes   int64
}

// admit lets a request in, or says why not. The caller releases the ticket.
func (l *limits) admit(w http.ResponseWriter, r *http.Request) (*ticket, error) {
	if !l.allow(r.RemoteAddr) {
		return nil, problemf(http.StatusTooManyRequests,
			"too many requests from this address; send more transactions in one request, or come again later")
	}
	if !l.enter(l.working) {
		return nil, problemf(http.StatusServiceUnavailable,
			"the node is answering as many requests as it may (api.max_requests); come again later")
	}
	size := min(r.ContentLength, l.body)
	if size < 0 { // not told: as much as it may become
		size = l.body
	}
	if !l.reserve(size) {
		l.leave(l.working)
		return nil, problemf(http.StatusServiceUnavailable, "the node is reading as much as it may; come again later")
	}
	r.Body = http.MaxBytesReader(w, r.Body, l.body)
	return &ticket{limits: l, working: true, bytes: size}, nil
}

// release gives back what the request still has. It may be called early, by a request that from now on only waits.
func (t *ticket) release() {
	if t.working {
		t.limits.leave(t.limits.working)
		t.limits.reserve(-t.bytes)
		t.working = false
	}
}

// enter takes a token if there is one.
func (l *limits) enter(tokens chan struct{}) bool {
	select {
	case tokens <- struct{}{}:
		return true
	default:
		return false
	}
}

func (l *limits) leave(tokens chan struct{}) { <-tokens }

// reserve takes bytes of memory for a body if there are any; a negative number gives them back.
func (l *limits) reserve(bytes int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if bytes > 0 && l.bodies+bytes > bodyBytesAtOnce {
		return false
	}
	l.bodies += bytes
	return true
}

// allow tells whether the remote address may make a request now. This machine itself is not limited: what limits callers
// behind a proxy is the proxy.
func (l *limits) allow(remoteAddress string) bool {
	if l.rate == 0 {
		return true
	}
	at, err := netip.ParseAddrPort(remoteAddress)
	if err != nil {
		return false
	}
	address := at.Addr().Unmap().WithZone("")
	if address.IsLoopback() {
		return true
	}
	if address.Is6() {
		prefix, err := address.Prefix(ipv6SubnetPrefix)
		if err != nil {
			return false
		}
		address = prefix.Addr()
	}
	return l.limiterOf(address).Allow()
}

// limiterOf finds or makes an address's limiter. The longest unseen address is forgotten when there are too many.
func (l *limits) limiterOf(address netip.Addr) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.remotes[address]; e != nil {
		l.recent.MoveToFront(e)
		return e.Value.(*remote).limiter
	}
	r := &remote{address, rate.NewLimiter(l.rate, l.burst)}
	l.remotes[address] = l.recent.PushFront(r)
	if l.recent.Len() > remotesKept {
		oldest := l.recent.Back()
		l.recent.Remove(oldest)
		delete(l.remotes, oldest.Value.(*remote).address)
	}
	return r.limiter
}
