package testnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"tradecredit/node"
)

// Process is a node of a network running as a process of its own.
type Process struct {
	Config node.Config
	Log    string // path of its log
	cmd    *exec.Cmd
	done   chan struct{}
}

// stopGrace is how long a node has to stop cleanly before it is killed.
const stopGrace = 20 * time.Second

// StartProcess starts `ledgerd start` for a home, with more variables in its environment. The node writes its log beside its
// folder.
func StartProcess(ledgerd string, c node.Config, environment ...string) (*Process, error) {
	p := &Process{Config: c, Log: c.Home + ".log", done: make(chan struct{})}
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd = exec.Command(ledgerd, "start", "--home", c.Home)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.Env = append(os.Environ(), environment...)
	// A process group of its own: Ctrl-C in the terminal reaches us, and we stop the nodes in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", ledgerd, err)
	}
	go func() {
		_ = p.cmd.Wait() // the exit status is read from ProcessState
		close(p.done)
	}()
	return p, nil
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Stop ends the process cleanly, or kills it after a grace.
func (p *Process) Stop() error {
	select {
	case <-p.done:
		return nil
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(stopGrace):
		return p.Kill()
	}
}

// Kill ends the process at once, as a power cut would.
func (p *Process) Kill() error {
	err := p.cmd.Process.Kill()
	<-p.done
	return err
}

// Ready waits until the node answers that it is healthy; the error names its log.
func (p *Process) Ready(ctx context.Context) error {
	url := "http://" + p.Config.API.Laddr + "/v1/health"
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended: %s; its log is %s", p.Config.Moniker, lastWords(p.Log), p.Log)
		case <-ctx.Done():
			return fmt.Errorf("%s is not healthy yet; its log is %s", p.Config.Moniker, p.Log)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Beside returns the path of a program that was built beside this one.
func Beside(name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(self), name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s is not there; build it with 'make build'", path)
	}
	return path, nil
}

// lastWords returns the end of a log, or where it begins to panic, for a message that saves opening it.
func lastWords(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	const most = 600
	for _, sign := range []string{"\npanic: ", "\nfatal error: "} {
		if at := bytes.LastIndex(raw, []byte(sign)); at >= 0 {
			raw = raw[at+1:]
			return string(raw[:min(len(raw), most)])
		}
	}
	if len(raw) > most {
		raw = raw[len(raw)-most:]
	}
	return strings.TrimSpace(string(raw))
}
