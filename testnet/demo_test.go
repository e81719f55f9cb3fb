package testnet

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// demoLimit is how long the demo may take after the build.
const demoLimit = 90 * time.Second

// demoRun is a demo that runs or ran.
type demoRun struct {
	cmd         *exec.Cmd
	dir, api    string
	out, errors lockedBuffer
	done        chan struct{} // closed when it has ended
}

// lockedBuffer is what a process has written so far.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func freeAddress(t testing.TB) string {
	t.Helper()
	port, err := FreePort()
	require.NoError(t, err)
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// startDemo starts the demo as `make demo` does, with its folder and its API elsewhere.
func startDemo(t *testing.T, dir, api string, env ...string) *demoRun {
	t.Helper()
	program(t, "ledgerd")
	d := &demoRun{cmd: exec.Command(program(t, "demo")), dir: dir, api: api, done: make(chan struct{})}
	d.cmd.Env = append(os.Environ(), "DEMO_DIR="+d.dir, "DEMO_API="+d.api, "DEMO_EXIT=")
	d.cmd.Env = append(d.cmd.Env, env...)
	d.cmd.Stdout, d.cmd.Stderr = &d.out, &d.errors
	require.NoError(t, d.cmd.Start())
	go func() {
		_ = d.cmd.Wait() // the exit status is read from ProcessState
		close(d.done)
	}()
	t.Cleanup(func() {
		_ = d.cmd.Process.Signal(os.Interrupt) // it takes its node with it; it may have ended
		<-d.done
	})
	return d
}

// ended waits for the demo and gives its exit status.
func (d *demoRun) ended(t *testing.T, limit time.Duration) int {
	t.Helper()
	select {
	case <-d.done:
		return d.cmd.ProcessState.ExitCode()
	case <-time.After(limit):
		require.FailNow(t, "the demo does not end", "after %s\n%s\n%s", limit, d.out.String(), d.errors.String())
		return -1
	}
}

// TestDemo is `DEMO_EXIT=1 make demo` after the build: what it prints is held against the sample, counted here again, and the
// report that it leaves is verified.
func TestDemo(t *testing.T) {
	program(t, "demo")
	before := time.Now().UTC()
	d := startDemo(t, filepath.Join(t.TempDir(), "demo"), freeAddress(t), "DEMO_EXIT=1")
	status := d.ended(t, demoLimit)
	out := d.out.String()
	require.Zero(t, status, "%s\n%s", out, d.errors.String())
	require.Empty(t, d.errors.String(), "no progress bar where there is no terminal")
	after := time.Now().UTC()
	t.Logf("the demo takes %.1f s", after.Sub(before).Seconds())

	require.Equal(t, types.SimulationNotice, strings.SplitN(out, "\n", 2)[0], "the first line")
	require.NotContains(t, out, "✗")
	for line := range strings.Lines(out) {
		if strings.ContainsAny(line, "│─") { // of a table
			require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), 120, line)
		}
	}
	deliveries, payments := readDeliveries(t), readPayments(t)
	requireCounts(t, out, deliveries, "deliveries: %d lines recorded, moved by %d days; %s", before, after)
	requireCounts(t, out, payments, "payments: %d rows recorded, moved by %d days, terms assumed net 30; %s", before, after)
	require.Contains(t, out, fmt.Sprintf("%d records are final", 4*deliveries.good+2*payments.good))
	requireSuppliers(t, out, deliveries)
	requirePayers(t, out, payments)
	require.Equal(t, 2, strings.Count(out, "┌"), "two tables")
	require.Error(t, get("http://"+d.api+"/v1/health"), "nothing runs after DEMO_EXIT")
	verifyReport(t, d, out)
}

// set is one file of the sample, counted by this test.
type set struct {
	good  int
	bad   map[string]int
	last  time.Time      // latest date of an importable row
	count map[string]int // rows by supplier or department
	peers map[string]map[string]bool
}

func newSet() *set {
	return &set{bad: map[string]int{}, count: map[string]int{}, peers: map[string]map[string]bool{}}
}

func (s *set) take(who, peer string, dates ...time.Time) {
	s.good++
	s.count[who]++
	if s.peers[who] == nil {
		s.peers[who] = map[string]bool{}
	}
	s.peers[who][peer] = true
	for _, d := range dates {
		if d.After(s.last) {
			s.last = d
		}
	}
}

// sampleRows reads a file of the sample as it is shipped.
func sampleRows(t *testing.T, name string) (header []string, rows [][]string) {
	t.Helper()
	f, err := os.Open(filepath.Join("demo", "sample", name))
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	all, err := csv.NewReader(z).ReadAll()
	require.NoError(t, err)
	require.Greater(t, len(all), 1000)
	return all[0], all[1:]
}

func column(t *testing.T, header []string, name string) int {
	t.Helper()
	i := slices.Index(header, name)
	require.GreaterOrEqual(t, i, 0, name)
	return i
}

func readDeliveries(t *testing.T) *set {
	header, rows := sampleRows(t, "deliveries.csv.gz")
	at := func(name string) int { return column(t, header, name) }
	vendor, value, country := at("Vendor"), at("Line Item Value"), at("Country")
	var days []int
	for i, name := range header {
		if strings.Contains(name, "Date") {
			days = append(days, i)
		}
	}
	require.Len(t, days, 4)
	s := newSet()
	for _, r := range rows {
		require.NotEqual(t, "SCMS from RDC", r[vendor], "the programme's own warehouse is not in the sample")
		if v, err := strconv.ParseFloat(r[value], 64); err == nil && v == 0 {
			s.bad["value 0"]++
			continue
		}
		var dates []time.Time
		for _, i := range days {
			for _, layout := range []string{"2-Jan-06", "1/2/06"} {
				if d, err := time.Parse(layout, r[i]); err == nil {
					dates = append(dates, d)
				}
			}
		}
		require.NotEmpty(t, dates)
		s.take(r[vendor], r[country], dates...)
	}
	return s
}

func readPayments(t *testing.T) *set {
	header, rows := sampleRows(t, "payments.csv.gz")
	at := func(name string) int { return column(t, header, name) }
	vendor, amount, department := at("Vendor"), at("Amount"), at("Department")
	s := newSet()
	for _, r := range rows {
		require.Less(t, r[at("Invoice.Date")], "2014-01-01", "invoices before 2014 only")
		switch {
		case r[vendor] == "NA" || r[vendor] == "":
			s.bad["no vendor"]++
			continue
		case r[amount] == "NA" || r[amount] == "":
			s.bad["no amount"]++
			continue
		}
		v, err := strconv.ParseFloat(r[amount], 64)
		require.NoError(t, err)
		if v == 0 {
			s.bad["value 0"]++
			continue
		}
		var dates []time.Time
		for _, name := range []string{"Invoice.Date", "Accounts.Payable.Date", "Check.Date"} {
			d, err := time.Parse(time.DateOnly, r[at(name)])
			require.NoError(t, err)
			dates = append(dates, d)
		}
		s.take(r[department], r[vendor], dates...)
	}
	return s
}

// requireCounts holds a line of the demo against the counted set; the day may have changed while it ran.
func requireCounts(t *testing.T, out string, s *set, format string, times ...time.Time) {
	t.Helper()
	var reasons []string
	for reason, n := range s.bad {
		reasons = append(reasons, fmt.Sprintf("%d %s", n, reason))
	}
	slices.Sort(reasons)
	require.NotEmpty(t, reasons)
	var lines []string
	for _, now := range times {
		today := now.Truncate(24 * time.Hour)
		shift := int(today.Sub(s.last).Hours()) / 24 / 7 * 7
		require.False(t, s.last.AddDate(0, 0, shift).After(today))
		require.True(t, s.last.AddDate(0, 0, shift+7).After(today))
		line := fmt.Sprintf(format, s.good, shift, "rejected: "+strings.Join(reasons, ", "))
		if strings.Contains(out, line+"\n") {
			return
		}
		lines = append(lines, line)
	}
	require.Fail(t, "the demo counts otherwise", "want %q in\n%s", lines, out)
}

// tableRows are the cells of a table under its title.
func tableRows(t *testing.T, out, title string, columns int) [][]string {
	t.Helper()
	_, rest, ok := strings.Cut(out, title)
	require.True(t, ok, "no table %q", title)
	rest, _, ok = strings.Cut(rest, "└")
	require.True(t, ok)
	_, rest, ok = strings.Cut(rest, "┼")
	require.True(t, ok)
	var rows [][]string
	for line := range strings.Lines(rest) {
		if !strings.HasPrefix(line, "│") {
			continue
		}
		var cells []string
		for _, c := range strings.Split(strings.Trim(strings.TrimSpace(line), "│"), "│") {
			cells = append(cells, strings.TrimSpace(c))
		}
		require.Len(t, cells, columns, line)
		rows = append(rows, cells)
	}
	require.NotEmpty(t, rows)
	return rows
}

// top lists the names with their counts, most first.
func (s *set) top(n int) []string {
	var names []string
	for name := range s.count {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return s.count[b] - s.count[a] })
	return names[:n]
}

var tick = regexp.MustCompile(`^✓ at \d+$`)

// named tells whether a cell shows a name, which may be cut.
func named(cell, name string) bool {
	start, cut := strings.CutSuffix(cell, "…")
	return cell == name || cut && strings.HasPrefix(name, start)
}

func requireSuppliers(t *testing.T, out string, s *set) {
	t.Helper()
	rows := tableRows(t, out, "Suppliers by delivery record", 7)
	require.Len(t, rows, 10)
	scored, unscored := 0, 0
	for i, name := range s.top(10) {
		r := rows[i]
		require.True(t, named(r[0], name), "%q is not %q", r[0], name)
		require.Equal(t, strconv.Itoa(s.count[name]), r[1], name)
		entries, err := strconv.Atoi(r[2])
		require.NoError(t, err)
		require.GreaterOrEqual(t, entries, 4*s.count[name], "order, document, verdict and delivery of %s", name)
		if r[4] == "U" {
			unscored++
			require.Equal(t, "–", r[3])
			require.NotEmpty(t, r[5], "U has its reason")
			require.Less(t, len(s.peers[name]), 2, "%s sold to %d countries: %s", name, len(s.peers[name]), r[5])
			require.Equal(t, "fewer than 2 counterparties", r[5])
		} else {
			scored++
			score, err := strconv.Atoi(r[3])
			require.NoError(t, err)
			require.Contains(t, []string{"1", "2", "3", "4", "5"}, r[4])
			require.True(t, 0 < score && score <= 1000)
			require.Regexp(t, `^S\d \(−\d+\)( S\d \(−\d+\)){0,3}$`, r[5])
			require.GreaterOrEqual(t, len(s.peers[name]), 2, name)
		}
		require.Regexp(t, tick, r[6], name)
	}
	require.NotZero(t, scored)
	require.NotZero(t, unscored, "the sample has suppliers of one country")
}

func requirePayers(t *testing.T, out string, s *set) {
	t.Helper()
	seen := map[string]bool{}
	for _, r := range tableRows(t, out, "Payers' payment index", 8) {
		for _, c := range [][]string{r[:4], r[4:]} {
			if c[0] == "" {
				continue
			}
			var name string
			for department, n := range s.count {
				if named(c[0], department) && strconv.Itoa(n) == c[1] {
					name = department
				}
			}
			require.NotEmpty(t, name, "no department %q with %s payments", c[0], c[1])
			require.False(t, seen[name], "%q stands twice", name)
			seen[name] = true
			require.Regexp(t, `^(n/a|\d|\d\d|100)$`, c[2], name)
			if len(s.peers[name]) == 1 {
				require.Equal(t, "n/a", c[2], "%s has one vendor", name)
			}
			require.Regexp(t, tick, c[3], name)
		}
	}
	require.Len(t, seen, len(s.count), "every department is there")
}

// verifyReport types the command that the demo prints, as it is, without its permission, and over a report with one bit flipped.
func verifyReport(t *testing.T, d *demoRun, out string) {
	t.Helper()
	line := regexp.MustCompile(`(?m)^  build/ledgerctl (verify .*)$`).FindStringSubmatch(out)
	require.NotNil(t, line, "the command that verifies is printed")
	args := strings.Fields(line[1])
	require.Contains(t, args, "--allow-simulation")
	verify := func(args []string) (string, error) {
		cmd := exec.Command(program(t, "ledgerctl"), args...)
		cmd.Env = append(os.Environ(), "LANG=C", "LC_ALL=C", "HTTP_PROXY=http://127.0.0.1:1", "LEDGERCTL_NODE=http://127.0.0.1:1")
		said, err := cmd.CombinedOutput()
		return string(said), err
	}
	said, err := verify(args)
	require.NoError(t, err, said)
	require.Contains(t, said, types.SimulationNotice)
	require.Contains(t, said, "NOT CALIBRATED")

	strict := slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == "--allow-simulation" })
	said, err = verify(strict)
	require.Equal(t, 1, exitCode(t, err), said)
	require.Contains(t, said, "--allow-simulation")

	path := filepath.Join(d.dir, "report.tcr")
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(d.dir, "trust.json"))
	for _, at := range []int{len(raw) / 3, len(raw) / 2, len(raw) - 40} {
		forged := bytes.Clone(raw)
		forged[at] ^= 1
		other := filepath.Join(t.TempDir(), "forged.tcr")
		require.NoError(t, os.WriteFile(other, forged, 0o600))
		said, err = verify(append([]string{"verify", other}, args[2:]...))
		require.Equal(t, 1, exitCode(t, err), "byte %d: %s", at, said)
		require.Contains(t, said, "NOT VERIFIED")
	}
}

func exitCode(t testing.TB, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	return exit.ExitCode()
}

func get(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, res.Status)
	}
	return nil
}

// TestDemoStaysUp runs the demo in the folder of an earlier one; the API answers until Ctrl-C, to the commands that it prints.
func TestDemoStaysUp(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	early := startDemo(t, dir, freeAddress(t))
	eventually(t, "the first words", func() (bool, string) {
		out := early.out.String()
		return strings.Contains(out, "one validator runs"), out + early.errors.String()
	})
	require.NoError(t, early.cmd.Process.Signal(os.Interrupt))
	require.Zero(t, early.ended(t, patience), "Ctrl-C in the middle is no failure: %s", early.errors.String())
	require.NoError(t, Free(early.api), "its node went with it")

	d := startDemo(t, dir, freeAddress(t))
	eventually(t, "the API that stays up", func() (bool, string) {
		out := d.out.String()
		return strings.Contains(out, "stays up on http://"+d.api), out + d.errors.String()
	})
	require.NoError(t, get("http://"+d.api+"/v1/health"))
	commands := regexp.MustCompile(`(?m)^  build/ledgerctl (.*--node.*)$`).FindAllStringSubmatch(d.out.String(), -1)
	require.GreaterOrEqual(t, len(commands), 2)
	for _, c := range commands {
		said, err := exec.Command(program(t, "ledgerctl"), strings.Fields(c[1])...).CombinedOutput()
		require.NoError(t, err, "%s\n%s", c[1], said)
	}
	require.NoError(t, d.cmd.Process.Signal(os.Interrupt))
	require.Zero(t, d.ended(t, patience), d.errors.String())
	require.NoError(t, Free(d.api))
}

// TestDemoRefusals: a taken port is named with the way out, and a folder with something else in it is not removed.
func TestDemoRefusals(t *testing.T) {
	taken, err := net.Listen("tcp", freeAddress(t))
	require.NoError(t, err)
	defer taken.Close()
	d := startDemo(t, filepath.Join(t.TempDir(), "demo"), taken.Addr().String(), "DEMO_EXIT=1")
	require.Equal(t, 1, d.ended(t, patience))
	require.Contains(t, d.errors.String(), taken.Addr().String())
	require.Contains(t, d.errors.String(), "DEMO_API=127.0.0.1:8081 make demo")
	require.NoDirExists(t, d.dir, "it looks before it makes anything")

	dir := t.TempDir()
	mine := filepath.Join(dir, "letters.txt")
	require.NoError(t, os.WriteFile(mine, []byte("dear"), 0o600))
	d = startDemo(t, dir, freeAddress(t), "DEMO_EXIT=1")
	require.Equal(t, 1, d.ended(t, patience))
	require.Contains(t, d.errors.String(), "is not removed")
	require.Contains(t, d.errors.String(), "DEMO_DIR=")
	require.FileExists(t, mine)
}
