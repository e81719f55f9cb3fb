package node

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Validate refuses a configuration that cannot work or is not safe, with all its problems at once. Each names the setting and
// what would be right. It looks at nothing outside the configuration.
func (c *Config) Validate() error {
	var errs []error
	for _, check := range []func(*Config) error{
		checkMoniker, checkP2P, checkPeers, checkRPC, checkAPI, checkMetrics, checkDistinctAddresses,
		checkLog, checkState, checkMempool, checkTiming, checkSnapshot, checkStateSync,
	} {
		errs = append(errs, check(c))
	}
	return errors.Join(errs...)
}

func checkMoniker(c *Config) error {
	n := utf8.RuneCountInString(c.Moniker)
	if n < 1 || n > maxMonikerChars || !utf8.ValidString(c.Moniker) || strings.ContainsFunc(c.Moniker, unicode.IsControl) {
		return fmt.Errorf("moniker must be 1 to %d printable characters, but is %q", maxMonikerChars, c.Moniker)
	}
	return nil
}

func checkP2P(c *Config) error {
	if err := checkAddress("p2p.laddr", c.P2P.Laddr, false); err != nil {
		return err
	}
	if c.P2P.ExternalAddress != "" {
		if err := checkAddress("p2p.external_address", c.P2P.ExternalAddress, false); err != nil {
			return err
		}
	}
	return checkRange("p2p.max_inbound_peers", c.P2P.MaxInbound, 0, maxInboundPeers)
}

// checkPeers wants each peer as <40 hex digits>@host:port, once.
func checkPeers(c *Config) error {
	var seen []string
	for _, peer := range c.P2P.PersistentPeers {
		id, address, ok := strings.Cut(peer, "@")
		if raw, err := hex.DecodeString(id); !ok || err != nil || len(raw) != 20 || id != strings.ToLower(id) {
			return fmt.Errorf("p2p.persistent_peers: %q must be \"<node id>@host:port\" with an id of 40 hexadecimal digits "+
				"('ledgerd keys' on the peer prints it)", peer)
		}
		if err := checkAddress("p2p.persistent_peers", address, false); err != nil {
			return err
		}
		if slices.Contains(seen, id) {
			return fmt.Errorf("p2p.persistent_peers: the node %s is listed twice", id)
		}
		seen = append(seen, id)
	}
	return nil
}

func checkRPC(c *Config) error {
	if c.RPC.Laddr == "" {
		return nil
	}
	if err := checkAddress("rpc.laddr", c.RPC.Laddr, false); err != nil {
		return err
	}
	if !isLoopback(c.RPC.Laddr) && !c.RPC.AllowRemote {
		return fmt.Errorf("rpc.laddr = %q is reachable from other machines, and the JSON-RPC has no client authentication: "+
			"use 127.0.0.1, or set rpc.allow_remote = true if something in front of it keeps strangers out", c.RPC.Laddr)
	}
	return nil
}

func checkAPI(c *Config) error {
	if c.API.Laddr == "" {
		return nil
	}
	if err := checkAddress("api.laddr", c.API.Laddr, true); err != nil {
		return err
	}
	if !isLoopback(c.API.Laddr) && !c.API.AllowRemote {
		return fmt.Errorf("api.laddr = %q is reachable from other machines without encryption: use 127.0.0.1 behind a proxy "+
			"that brings TLS, or set api.allow_remote = true on a network you trust", c.API.Laddr)
	}
	return errors.Join(
		checkRange("api.max_body_bytes", c.API.MaxBodyBytes, minBodyBytes, maxBodyBytes),
		checkRange("api.max_requests", c.API.MaxRequests, 1, maxAPIRequests),
		checkRange("api.requests_per_second", c.API.RequestsPerSecond, 0, 1_000_000),
	)
}

func checkMetrics(c *Config) error {
	if c.Metrics.Laddr == "" {
		return nil
	}
	if err := checkAddress("metrics.laddr", c.Metrics.Laddr, true); err != nil {
		return err
	}
	if !isLoopback(c.Metrics.Laddr) {
		return fmt.Errorf("metrics.laddr = %q is reachable from other machines: use 127.0.0.1 and let a collector on this machine read it",
			c.Metrics.Laddr)
	}
	return nil
}

// checkDistinctAddresses refuses two listeners on one port. Different addresses of one machine could share a port, but then
// 0.0.0.0 could not, and nobody needs it.
func checkDistinctAddresses(c *Config) error {
	byPort := map[string]string{}
	for _, l := range c.listeners() {
		_, port, err := net.SplitHostPort(l.address)
		if err != nil || port == "0" {
			continue // complained about elsewhere
		}
		if other, taken := byPort[port]; taken {
			return fmt.Errorf("%s and %s both use port %s: give each its own", other, l.setting, port)
		}
		byPort[port] = l.setting
	}
	return nil
}

// listener is an address this node wants to listen on, and the setting that chooses it.
type listener struct{ setting, address string }

// listeners lists the addresses of the node that are not off.
func (c *Config) listeners() []listener {
	all := []listener{
		{"p2p.laddr", c.P2P.Laddr}, {"rpc.laddr", c.RPC.Laddr}, {"api.laddr", c.API.Laddr}, {"metrics.laddr", c.Metrics.Laddr},
	}
	return slices.DeleteFunc(all, func(l listener) bool { return l.address == "" })
}

func checkLog(c *Config) error {
	levels := []string{"debug", "info", "warn", "error"}
	if !slices.Contains(levels, c.Log.Level) {
		return fmt.Errorf("log.level must be debug, info, warn or error, but is %q", c.Log.Level)
	}
	if !slices.Contains(levels, c.Log.EngineLevel) {
		return fmt.Errorf("log.engine_level must be debug, info, warn or error, but is %q", c.Log.EngineLevel)
	}
	if c.Log.Format != "plain" && c.Log.Format != "json" {
		return fmt.Errorf("log.format must be plain or json, but is %q", c.Log.Format)
	}
	return nil
}

func checkState(c *Config) error {
	if c.State.KeepHeights < minKeepHeights {
		return fmt.Errorf("state.keep_heights must be at least %d, the heights whose proofs every node gives, but is %d",
			minKeepHeights, c.State.KeepHeights)
	}
	if n := c.State.KeepBlocks; n != 0 && (n < minKeepBlocks || c.State.Archive) {
		return fmt.Errorf("state.keep_blocks must be 0 (all) or at least %d, and 0 with state.archive, but is %d", minKeepBlocks, n)
	}
	return errors.Join(
		checkRange("state.cache_bytes", c.State.CacheBytes, minCacheBytes, maxCacheBytes),
		checkRange("state.min_free_bytes", c.State.MinFreeBytes, 0, maxMinFreeBytes),
		checkDuration("state.scrub_pause", c.State.ScrubPause, 0, maxScrubPause),
	)
}

func checkSnapshot(c *Config) error {
	return errors.Join(
		checkRange("snapshot.interval", c.Snapshot.Interval, 0, math.MaxInt64),
		checkRange("snapshot.keep", c.Snapshot.Keep, 1, maxSnapshotsKept),
		checkRange("snapshot.share", c.Snapshot.Share, 1, 100),
	)
}

// checkStateSync wants two nodes to compare, and something to believe.
func checkStateSync(c *Config) error {
	s := &c.StateSync
	if err := checkDuration("statesync.trust_period", s.TrustPeriod, minTrustPeriod, maxTrustPeriod); err != nil {
		return err
	}
	if len(s.From) == 0 && s.Trust == "" {
		return nil
	}
	var seen []string
	for _, server := range s.From {
		u, err := url.Parse(server)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return fmt.Errorf("statesync.from: %q must be the address of a node's HTTP interface, such as https://node.bank-a.example", server)
		}
		if slices.Contains(seen, u.Host) {
			return fmt.Errorf("statesync.from: %s is listed twice; name nodes of two different members", u.Host)
		}
		seen = append(seen, u.Host)
	}
	if len(seen) < 2 {
		return errors.New("statesync.from must name nodes of two different members at least: what one says is compared with what another says")
	}
	_, err := parseTrust(s.Trust)
	return err
}

// trusted is the header that is believed; the zero value: the genesis.
type trusted struct {
	height int64
	hash   []byte
}

// parseTrust reads statesync.trust.
func parseTrust(s string) (trusted, error) {
	if s == "genesis" {
		return trusted{}, nil
	}
	height, hash, ok := strings.Cut(s, ":")
	n, err := strconv.ParseInt(height, 10, 64)
	raw, bad := hex.DecodeString(hash)
	if !ok || err != nil || bad != nil || n < 1 || len(raw) != sha256.Size {
		return trusted{}, fmt.Errorf("statesync.trust must be \"HEIGHT:HASH\" of a header (the hash in 64 hexadecimal digits), or \"genesis\", but is %q", s)
	}
	return trusted{n, raw}, nil
}

func checkDuration(setting string, d Duration, lowest, highest time.Duration) error {
	if v := time.Duration(d); v < lowest || v > highest {
		return fmt.Errorf("%s must be between %s and %s, but is %s", setting, lowest, highest, v)
	}
	return nil
}

func checkMempool(c *Config) error {
	return checkRange("mempool.max_pending_bytes", c.Mempool.MaxPendingBytes, minPendingBytes, maxPendingBytes)
}

// checkTiming: a proposer that waits longer than half of what the others grant loses its rounds.
func checkTiming(c *Config) error {
	propose, wait := time.Duration(c.Consensus.TimeoutPropose), time.Duration(c.Consensus.ProposalWait)
	if propose < minTimeoutPropose || propose > maxTimeoutPropose {
		return fmt.Errorf("consensus.timeout_propose must be between %s and %s, but is %s", minTimeoutPropose, maxTimeoutPropose, propose)
	}
	if wait < 0 {
		return fmt.Errorf("consensus.proposal_wait must not be negative, but is %s", wait)
	}
	if longest := c.proposalWait(1); longest > propose/2 {
		return fmt.Errorf("consensus.proposal_wait = %s is more than half of consensus.timeout_propose = %s, so the others would give up "+
			"on this proposer: at most %s", longest, propose, propose/2)
	}
	return nil
}

// proposalWait is the wait in force in a network of so many validators.
func (c *Config) proposalWait(validators int) time.Duration {
	switch {
	case c.Consensus.ProposalWait > 0:
		return time.Duration(c.Consensus.ProposalWait)
	case validators <= 1:
		return min(waitLoneValidator, time.Duration(c.Consensus.TimeoutPropose)/2)
	default:
		return min(waitManyValidators, time.Duration(c.Consensus.TimeoutPropose)/2)
	}
}

func checkRange(setting string, n, lowest, highest int64) error {
	if n < lowest || n > highest {
		return fmt.Errorf("%s must be between %d and %d, but is %d", setting, lowest, highest, n)
	}
	return nil
}

// checkAddress wants host:port with a host that is not empty. anyPort allows port 0, which lets the system choose.
func checkAddress(setting, address string, anyPort bool) error {
	if rest, found := strings.CutPrefix(address, "tcp://"); found {
		return fmt.Errorf("%s is written without tcp:// here: %q", setting, rest)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		return fmt.Errorf("%s must be host:port such as 127.0.0.1:26656, but is %q", setting, address)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || (n == 0 && !anyPort) {
		return fmt.Errorf("%s must have a port between 1 and 65535, but is %q", setting, address)
	}
	return nil
}

// isLoopback tells whether only this machine can reach the address.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
