package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Content types of the API.
const (
	typeProtobuf = "application/x-protobuf"
	typeJSON     = "application/json"
)

// maxAnswer bounds any answer of a node in bytes.
const maxAnswer = 32 << 20

// Config says which nodes to ask and what to believe.
type Config struct {
	// Endpoints are base URLs of nodes, "http://127.0.0.1:8080"; the next one is tried when one fails.
	Endpoints []string
	// ChainID is the network; empty takes it from Trust.
	ChainID string
	// Trust is what answers are verified against; nil: only unverified calls work.
	Trust *Trust
	// Store keeps what was verified between runs; its root takes the place of Trust. nil: in memory only.
	Store *TrustStore
	// TrustPeriod is for how long a pin is believed, where that is less than what the trust says; 0: as the trust says.
	TrustPeriod time.Duration
	// Witnesses are base URLs of other members' nodes, none of them among Endpoints: each header that is used must be the one
	// that at least one of them shows, and none shows another that was signed as well.
	Witnesses []string
	// HTTP is the transport; nil: one of its own with sound limits.
	HTTP *http.Client
	// Now is the clock; nil: the machine's.
	Now func() time.Time
	// RetryFor bounds how long a read or one submission is tried again; 0: 30 s.
	RetryFor time.Duration
}

// Client asks nodes. It is safe for concurrent use.
type Client struct {
	endpoints []string
	witnesses []string
	chainID   string
	http      *http.Client
	now       func() time.Time
	retryFor  time.Duration
	turn      atomic.Uint32 // index of the endpoint that answered last

	root  *Trust // as configured; nil: nothing can be verified
	store *TrustStore

	mu       sync.Mutex
	pins     pins              // from root on
	verified map[int64]blockID // headers that were verified, bounded
	stopped  error             // a conflict; nothing is believed after it
}

// New makes a client; it asks nothing yet.
func New(cfg Config) (*Client, error) {
	c := &Client{chainID: cfg.ChainID, http: cfg.HTTP, now: cfg.Now, retryFor: cfg.RetryFor, store: cfg.Store, verified: map[int64]blockID{}}
	var err error
	if c.endpoints, err = baseURLs(cfg.Endpoints); err != nil {
		return nil, err
	}
	if c.witnesses, err = baseURLs(cfg.Witnesses); err != nil {
		return nil, err
	}
	if len(c.endpoints) == 0 {
		return nil, errors.New("client: no endpoint given")
	}
	for _, w := range c.witnesses {
		if slices.Contains(c.endpoints, w) {
			return nil, fmt.Errorf("client: %s is asked itself, so it cannot bear witness", w)
		}
	}
	if err := c.believe(cfg); err != nil {
		return nil, err
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.retryFor == 0 {
		c.retryFor = 30 * time.Second
	}
	if c.http == nil {
		c.http = &http.Client{Transport: &http.Transport{
			MaxIdleConnsPerHost:   16,
			IdleConnTimeout:       90 * time.Second,
			ResponseHeaderTimeout: 90 * time.Second,
		}}
	}
	return c, nil
}

// believe takes over what the configuration trusts.
func (c *Client) believe(cfg Config) error {
	root := cfg.Trust
	if cfg.Store != nil {
		root = cfg.Store.root
	}
	if root == nil {
		return nil
	}
	if c.chainID == "" {
		c.chainID = root.ChainID
	}
	if c.chainID != root.ChainID {
		return fmt.Errorf("%w: the trust is for %q, the client for %q", ErrOtherChain, root.ChainID, c.chainID)
	}
	if cfg.Store != nil {
		c.pins = cfg.Store.pins
	} else {
		c.pins = pins{{trust: root}}
	}
	if cfg.TrustPeriod > 0 && (root.Period == 0 || cfg.TrustPeriod < root.Period) {
		c.pins = c.pins.within(cfg.TrustPeriod)
	}
	c.root = c.pins[0].trust
	return nil
}

// ChainID is the network the client speaks of; empty when neither configuration nor trust named one.
func (c *Client) ChainID() string { return c.chainID }

func baseURLs(list []string) ([]string, error) {
	var out []string
	for _, s := range list {
		u, err := url.Parse(strings.TrimSpace(s))
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return nil, fmt.Errorf("client: %q is no base URL like http://127.0.0.1:8080", s)
		}
		out = append(out, strings.TrimRight(u.String(), "/"))
	}
	return out, nil
}

// get asks the nodes in turn until one answers, and again with growing pauses while they are busy or away.
func (c *Client) get(ctx context.Context, path string, query url.Values, accept string) ([]byte, error) {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return backoff.Retry(ctx, func() ([]byte, error) {
		body, err := c.once(ctx, http.MethodGet, path, nil, accept)
		return body, permanentUnlessTemporary(err)
	}, backoff.WithBackOff(pauses()), backoff.WithMaxElapsedTime(c.retryFor))
}

// pauses is how long to wait before the same thing is tried again.
func pauses() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = 50*time.Millisecond, 5*time.Second
	return b
}

// temporary is a failure that may go away by itself; after is what the node asked to wait, 0 when it did not say.
type temporary struct {
	err   error
	after time.Duration
}

func (t *temporary) Error() string { return t.err.Error() }
func (t *temporary) Unwrap() error { return t.err }

// permanentUnlessTemporary tells the retry loop which failures are worth another try.
func permanentUnlessTemporary(err error) error {
	var t *temporary
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &t):
		return backoff.Permanent(err)
	case t.after > 0:
		return &waitError{t, &backoff.RetryAfterError{Duration: t.after}}
	}
	return err
}

// waitError is a temporary failure with the pause that the node asked for.
type waitError struct {
	*temporary
	retry *backoff.RetryAfterError
}

func (w *waitError) Unwrap() []error { return []error{w.temporary, w.retry} }

// once asks each endpoint at most once, beginning with the one that answered last.
func (c *Client) once(ctx context.Context, method, path string, body []byte, accept string) ([]byte, error) {
	first := int(c.turn.Load())
	var failures []error
	for i := range c.endpoints {
		at := (first + i) % len(c.endpoints)
		answer, err := c.ask(ctx, c.endpoints[at], method, path, body, accept)
		if err == nil {
			c.turn.Store(uint32(at))
			return answer, nil
		}
		var t *temporary
		if !errors.As(err, &t) || ctx.Err() != nil {
			return nil, err
		}
		failures = append(failures, err)
	}
	return nil, joinTemporary(failures)
}

// joinTemporary keeps the longest pause that any node asked for.
func joinTemporary(failures []error) error {
	out := &temporary{err: failures[0]}
	for i, err := range failures {
		var t *temporary
		if errors.As(err, &t) && t.after > out.after {
			out.after = t.after
		}
		if i > 0 {
			out.err = fmt.Errorf("%w; %w", out.err, err)
		}
	}
	return out
}

// ask is one request to one node.
func (c *Client) ask(ctx context.Context, base, method, path string, body []byte, accept string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/octet-stream")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &temporary{err: fmt.Errorf("%w: %v", ErrUnreachable, err)}
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &temporary{err: fmt.Errorf("%w: %s: the answer broke off: %v", ErrUnreachable, base, err)}
	}
	if len(data) > maxAnswer {
		return nil, fmt.Errorf("%w: more than %d bytes from %s", ErrAnswerSize, maxAnswer, base)
	}
	if resp.StatusCode == http.StatusOK {
		return data, nil
	}
	return nil, statusError(base, resp, data)
}

// statusError reads the API's error, and tells busy and failing nodes (429, 502, 503, 504) from refusals.
func statusError(base string, resp *http.Response, data []byte) error {
	e := &APIError{Status: resp.StatusCode}
	var said struct{ Error, Hint string }
	if json.Unmarshal(data, &said) == nil && said.Error != "" {
		e.Message, e.Hint = said.Error, said.Hint
	} else {
		e.Message = fmt.Sprintf("%s answered %s", base, http.StatusText(resp.StatusCode))
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		after, _ := strconv.Atoi(resp.Header.Get("Retry-After")) // absent or a date: our own pauses do
		return &temporary{err: fmt.Errorf("%w: %w", ErrBusy, e), after: min(time.Duration(max(after, 0))*time.Second, 30*time.Second)}
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return &temporary{err: fmt.Errorf("%w: %w", ErrUnreachable, e)}
	}
	return e
}
