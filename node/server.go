package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// Bounds of every HTTP server of a node.
const (
	httpConnections   = 4096 // open at a time, idle ones included
	httpHeaderBytes   = 16 << 10
	httpHeaderTimeout = 5 * time.Second
	httpReadTimeout   = 30 * time.Second
	httpWriteTimeout  = maxSubmitWait + 15*time.Second
	httpIdleTimeout   = 2 * time.Minute
	httpStopTimeout   = 5 * time.Second
)

// server is an HTTP server that listens from the beginning and serves when told to. All methods work on nil: a server that
// is off.
type server struct {
	http     *http.Server
	listener net.Listener
	logger   *slog.Logger
	cancel   context.CancelFunc // ends the requests that wait
	serving  bool
	ended    chan struct{}
}

// listen opens the address. Requests that come before serve wait in the backlog.
func listen(l listener, h http.Handler, logger *slog.Logger) (*server, error) {
	ln, err := net.Listen("tcp", l.address)
	if err != nil {
		return nil, listenProblem(l, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &server{
		http: &http.Server{
			Handler:           h,
			ReadHeaderTimeout: httpHeaderTimeout,
			ReadTimeout:       httpReadTimeout,
			WriteTimeout:      httpWriteTimeout,
			IdleTimeout:       httpIdleTimeout,
			MaxHeaderBytes:    httpHeaderBytes,
			ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
			BaseContext:       func(net.Listener) context.Context { return ctx },
		},
		listener: netutil.LimitListener(ln, httpConnections),
		logger:   logger, cancel: cancel, ended: make(chan struct{}),
	}, nil
}

func (s *server) serve() {
	if s == nil {
		return
	}
	s.serving = true
	go func() {
		defer close(s.ended)
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			s.logger.Error("the HTTP server ended", "address", s.address(), "err", err)
		}
	}()
}

// stop ends the requests that wait, lets the others finish for a while, and closes the rest.
func (s *server) stop() error {
	if s == nil {
		return nil
	}
	s.cancel()
	if !s.serving {
		return s.listener.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), httpStopTimeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	<-s.ended
	if err != nil {
		return fmt.Errorf("stop the HTTP server at %s: %w", s.address(), err)
	}
	return nil
}

func (s *server) address() string {
	if s == nil {
		return ""
	}
	return s.listener.Addr().String()
}
