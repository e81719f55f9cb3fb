package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/cosmos/gogoproto/jsonpb"
	"github.com/cosmos/gogoproto/proto"
	"github.com/prometheus/client_golang/prometheus"

	"tradecredit/app/state"
)

// Content types of the interface. Answers are protobuf unless the request accepts JSON and not protobuf.
const (
	contentProtobuf = "application/x-protobuf"
	contentJSON     = "application/json"
)

// api answers HTTP requests from the stores of the node. It holds no state but limits and counters.
type api struct {
	node    *Node
	chain   *chain
	logger  *slog.Logger
	limits  *limits
	logs    *logNodes
	answers *prometheus.CounterVec
	seconds *prometheus.HistogramVec
}

// problem is an answer that is no answer: an HTTP status and a sentence that tells the caller what to do.
type problem struct {
	status int
	text   string
}

// Error implements error.
func (p *problem) Error() string { return p.text }

// errPanicked stands for a panic, which is logged where it is caught.
var errPanicked = errors.New("a request panicked")

func problemf(status int, format string, args ...any) *problem {
	return &problem{status, fmt.Sprintf(format, args...)}
}

// newAPI listens on the interface's address.
func (n *Node) newAPI() (*server, error) {
	return listen(listener{"api.laddr", n.cfg.API.Laddr}, n.makeAPI().handler(), n.logger)
}

func (n *Node) makeAPI() *api {
	a := &api{
		node: n, chain: &n.chain, logger: n.logger.With("part", "api"), limits: newLimits(&n.cfg.API), logs: newLogNodes(),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: metricsNamespace, Subsystem: "api", Name: "answers_total",
			Help: "Answers of the HTTP interface by route and status."}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: metricsNamespace, Subsystem: "api", Name: "seconds",
			Help: "Time to answer by route, waits for a block included.", Buckets: []float64{.001, .005, .02, .1, .5, 2, 10, 30}}, []string{"route"}),
	}
	n.registry.MustRegister(a.answers, a.seconds)
	return a
}

// handler routes requests. Every route goes through the same limits, except health, which must answer a node under load.
func (a *api) handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range []struct {
		route  string
		answer func(http.ResponseWriter, *http.Request) error
	}{
		{"GET /v1/record", a.record},
		{"GET /v1/entries", a.entries},
		{"GET /v1/reference", a.reference},
		{"GET /v1/list", a.list},
		{"GET /v1/light", a.light},
		{"GET /v1/inputs", a.inputs},
		{"GET /v1/log-proof", a.logProof},
		{"GET /v1/status", a.status},
		{"GET /v1/blocks", a.blocks},
		{"GET /v1/genesis", a.genesis},
		{"GET /v1/snapshots", a.snapshots},
		{"GET /v1/snapshot", a.snapshot},
	} {
		mux.Handle(r.route, a.wrap(r.route, a.limited(func(w http.ResponseWriter, req *http.Request, _ *ticket) error {
			return r.answer(w, req)
		})))
	}
	mux.Handle("POST /v1/tx", a.wrap("POST /v1/tx", a.limited(a.submit)))
	mux.Handle("GET /v1/health", a.wrap("GET /v1/health", a.health))
	mux.Handle("/", a.wrap("none", func(w http.ResponseWriter, r *http.Request) error { return noRoute(mux, w, r) }))
	return mux
}

// limited bounds rate, number and size of the requests that reach answer.
func (a *api) limited(answer func(http.ResponseWriter, *http.Request, *ticket) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		t, err := a.limits.admit(w, r)
		if err != nil {
			return err
		}
		defer t.release()
		return answer(w, r, t)
	}
}

// noRoute tells a wrong method from a wrong path.
func noRoute(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) error {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "/" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return problemf(http.StatusMethodNotAllowed, "%s takes %s, not %s", r.URL.Path, strings.Join(allowed, " or "), r.Method)
	}
	return problemf(http.StatusNotFound, "there is nothing at %s; routes: /v1/tx, /v1/record, /v1/entries, /v1/list, /v1/reference, /v1/light, /v1/inputs, /v1/log-proof, /v1/blocks, /v1/genesis, /v1/status, /v1/snapshots, /v1/snapshot, /v1/health",
		r.URL.Path)
}

// wrap gives an answer its headers, turns errors into problems, survives panics and counts.
func (a *api) wrap(route string, answer func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		status := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			if p := recover(); p != nil {
				a.logger.Error("a request failed; the node goes on", "route", route, "cause", fmt.Sprint(p), "stack", string(debug.Stack()))
				a.fail(status, errPanicked)
			}
			a.answers.WithLabelValues(route, strconv.Itoa(status.status)).Inc()
			a.seconds.WithLabelValues(route).Observe(time.Since(began).Seconds())
		}()
		if err := answer(status, r); err != nil {
			a.fail(status, err)
		}
	})
}

// statusWriter remembers the status for the counters.
type statusWriter struct {
	http.ResponseWriter
	status int
	wrote  bool
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	if !w.wrote {
		w.status, w.wrote = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *statusWriter) Write(b []byte) (int, error) {
	w.wrote = true
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// fail answers with a problem, always as JSON: {"error": "…"}.
func (a *api) fail(w *statusWriter, err error) {
	status := http.StatusInternalServerError
	var p *problem
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		status = p.status
	case errors.As(err, &tooLarge):
		status = http.StatusRequestEntityTooLarge
		err = fmt.Errorf("the body is larger than %d bytes; send less at a time", tooLarge.Limit)
	case errors.Is(err, state.ErrInvalid):
		status = http.StatusBadRequest
	case errors.Is(err, state.ErrPruned):
		status = http.StatusGone
	case errors.Is(err, state.ErrFuture), errors.Is(err, errNoHeader):
		status = http.StatusNotFound
	case errors.Is(err, errNothingProvable):
		status = http.StatusServiceUnavailable
	default:
		a.logger.Error("a request failed", "err", err)
		err = errors.New("the node could not answer; its log has the cause")
	}
	if w.wrote { // too late to say anything
		return
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	answerJSON(w, status, map[string]string{"error": err.Error()})
}

// answerJSON writes a JSON object.
func answerJSON(w http.ResponseWriter, status int, v any) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		text, status = []byte(`{"error": "the answer cannot be encoded"}`), http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", contentJSON)
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // a caller that went away is no failure
}

// answerMessage writes a message in the form that the request accepts.
func answerMessage(w http.ResponseWriter, r *http.Request, m proto.Message) error {
	if !wantsJSON(r) {
		raw, err := proto.Marshal(m)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", contentProtobuf)
		_, _ = w.Write(raw)
		return nil
	}
	marshaler := jsonpb.Marshaler{OrigName: true, EmitDefaults: true, Indent: "  "}
	text, err := marshaler.MarshalToString(m)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", contentJSON)
	_, _ = w.Write([]byte(text + "\n"))
	return nil
}

// wantsJSON tells whether the caller asked for JSON, as a person with curl does.
func wantsJSON(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return strings.Contains(accept, contentJSON) && !strings.Contains(accept, contentProtobuf)
}

// query reads the parameters of a request strictly: unknown ones and repeated ones are problems.
type query struct {
	values map[string][]string
	err    error
}

func queryOf(r *http.Request, known ...string) *query {
	values, err := parseQuery(r.URL.RawQuery)
	q := &query{values: values}
	if err != nil {
		q.err = problemf(http.StatusBadRequest, "the query cannot be read: %v", err)
		return q
	}
	for name, given := range values {
		switch {
		case len(given) > 1:
			q.err = problemf(http.StatusBadRequest, "%s is given more than once", name)
		case !contains(known, name):
			q.err = problemf(http.StatusBadRequest, "there is no parameter %q; known are %s", name, strings.Join(known, ", "))
		}
	}
	return q
}

func (q *query) text(name string) string {
	if given := q.values[name]; len(given) == 1 {
		return given[0]
	}
	return ""
}

// need is a text that must be there and can be part of a key of the state.
func (q *query) need(name string, atMost int) string {
	s := q.text(name)
	switch {
	case q.err != nil:
	case s == "":
		q.err = problemf(http.StatusBadRequest, "the parameter %s is missing", name)
	case len(s) > atMost:
		q.err = problemf(http.StatusBadRequest, "%s is longer than %d bytes", name, atMost)
	case strings.ContainsRune(s, 0):
		q.err = problemf(http.StatusBadRequest, "%s holds NUL, which no key has", name)
	}
	return s
}

// number is a whole number from lowest to highest; otherwise when it is not given.
func (q *query) number(name string, otherwise, lowest, highest int64) int64 {
	s := q.text(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if (err != nil || n < lowest || n > highest) && q.err == nil {
		q.err = problemf(http.StatusBadRequest, "%s must be a whole number from %d to %d, but is %q", name, lowest, highest, s)
	}
	return n
}

// flag is 1, or 0 or absent.
func (q *query) flag(name string) bool {
	switch s := q.text(name); s {
	case "1":
		return true
	case "", "0":
	default:
		if q.err == nil {
			q.err = problemf(http.StatusBadRequest, "%s must be 0 or 1, but is %q", name, s)
		}
	}
	return false
}
