package testnet

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// local is a localnet that runs or ran.
type local struct {
	cmd         *exec.Cmd
	out, errors lockedBuffer
	done        chan struct{} // closed when it has ended
}

func startLocal(t *testing.T, args ...string) *local {
	t.Helper()
	program(t, "ledgerd")
	l := &local{cmd: exec.Command(program(t, "localnet"), args...), done: make(chan struct{})}
	l.cmd.Stdout, l.cmd.Stderr = &l.out, &l.errors
	require.NoError(t, l.cmd.Start())
	go func() {
		_ = l.cmd.Wait() // the exit status is read from ProcessState
		close(l.done)
	}()
	t.Cleanup(func() { l.stop(t) })
	return l
}

// stop is Ctrl-C; it gives the exit status.
func (l *local) stop(t *testing.T) int {
	_ = l.cmd.Process.Signal(os.Interrupt) // it may have ended
	return l.ended(t)
}

func (l *local) ended(t *testing.T) int {
	t.Helper()
	select {
	case <-l.done:
		return l.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		require.FailNow(t, "localnet does not end", "%s\n%s", l.out.String(), l.errors.String())
		return -1
	}
}

// localRow is a line of the table that localnet prints.
var localRow = regexp.MustCompile(`│ (node\d+) +│ http://(\S+) +│ (\S+) +│ (\S+) +│ (\S+) +│ (\S+) +│`)

// table waits for the addresses and logs, and asks every node.
func (l *local) table(t *testing.T, nodes int) (apis, all []string) {
	t.Helper()
	eventually(t, "the table of localnet", func() (bool, string) {
		out := l.out.String()
		return strings.Contains(out, "Ctrl-C stops the nodes"), out + l.errors.String()
	})
	rows := localRow.FindAllStringSubmatch(l.out.String(), -1)
	require.Len(t, rows, nodes, l.out.String())
	for i, r := range rows {
		require.Equal(t, fmt.Sprintf("node%d", i), r[1])
		apis, all = append(apis, r[2]), append(all, r[2:6]...)
		require.FileExists(t, r[6], "the log")
		require.NoError(t, get("http://"+r[2]+"/v1/health"))
		require.NoError(t, get("http://"+r[5]+"/metrics"))
		eventually(t, "all peers of "+r[1], func() (bool, string) {
			s, err := statusAt(within(t, patience), r[2])
			return err == nil && s.Peers == nodes-1 && s.Simulation, fmt.Sprintf("%+v %v", s, err)
		})
	}
	return apis, all
}

// gone tells that nothing listens any more.
func gone(t *testing.T, addresses []string) {
	t.Helper()
	require.NotEmpty(t, addresses)
	for _, a := range addresses {
		require.NoError(t, Free(a), "something still listens on %s", a)
	}
}

// freeRange finds so many ports in a row that are free.
func freeRange(t *testing.T, n int) int {
	t.Helper()
	for range 100 {
		first, err := FreePort()
		require.NoError(t, err)
		last := first
		for last < first+n-1 && last < 29999 && Free(fmt.Sprintf("127.0.0.1:%d", last+1)) == nil {
			last++
		}
		if last == first+n-1 {
			return first
		}
	}
	require.FailNow(t, "no free range")
	return 0
}

// TestLocalnet is what somebody does with their hands: start, look, Ctrl-C, start again, begin anew.
func TestLocalnet(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "net")
	port := fmt.Sprint(freeRange(t, 16))
	l := startLocal(t, "--dir", dir, "--port", port, "--validators", "4")
	apis, all := l.table(t, 4)
	require.Len(t, all, 16)
	require.Contains(t, all, "127.0.0.1:"+port)
	followHints(t, l.out.String())
	require.Zero(t, l.stop(t), l.errors.String())
	require.Empty(t, l.errors.String())
	gone(t, all)

	// What they hold is kept; the addresses are in the folder.
	l = startLocal(t, "--dir", dir)
	again, _ := l.table(t, 4)
	require.Equal(t, apis, again)
	require.Contains(t, l.out.String(), dir+" goes on where it was")
	eventually(t, "the fixing of the first run, from another node", func() (bool, string) {
		said, err := exec.Command(program(t, "ledgerctl"), "get", fixingKey(t, l.out.String()), "--node", "http://"+apis[3],
			"--trust", filepath.Join(dir, "trust.json")).CombinedOutput()
		return err == nil && strings.Contains(string(said), "is as shown"), string(said)
	})
	// Every other member's node bears witness.
	said, err := exec.Command(program(t, "ledgerctl"), "trust", "check", "--trust", filepath.Join(dir, "trust.json"), "--node", "http://"+apis[0],
		"--witness", "http://"+apis[1]+",http://"+apis[2], "--witness", "http://"+apis[3]).CombinedOutput()
	require.NoError(t, err, "%s", said)
	require.Contains(t, string(said), "is what 3 of 3 others show")
	s, err := statusAt(within(t, patience), apis[0])
	require.NoError(t, err)
	before := s.Height
	require.Zero(t, l.stop(t), l.errors.String())

	for _, wrong := range []struct {
		args, message string
	}{
		{"--validators 3", "holds a network of 4 validators, not 3; --reset begins anew"},
		{"--port 20999", "--reset begins anew"},
		{"--validators 17", "must lie between 1 and 16"},
		{"--port 32760", "--port is 32760"},
		{"--prot 1", "--port"},
		{"extra", `"extra" is no flag`},
	} {
		l := startLocal(t, append([]string{"--dir", dir}, strings.Fields(wrong.args)...)...)
		require.NotZero(t, l.ended(t), wrong.args)
		require.Contains(t, l.errors.String(), wrong.message)
	}

	l = startLocal(t, "--dir", dir, "--port", port, "--validators", "1", "--reset")
	apis, all = l.table(t, 1)
	s, err = statusAt(within(t, patience), apis[0])
	require.NoError(t, err)
	require.Less(t, s.Height, before, "begun anew")
	require.NoError(t, get("http://"+apis[0]+"/v1/light?height=1"))
	require.Zero(t, l.stop(t), l.errors.String())
	gone(t, all)
}

// fixingKey is where the fixing stands that localnet proposes to publish.
func fixingKey(t *testing.T, out string) string {
	t.Helper()
	text := regexp.MustCompile(`"day":"(\d{4}-\d\d-\d\d)"`).FindStringSubmatch(out)
	require.NotNil(t, text)
	day, err := types.ParseDay(text[1])
	require.NoError(t, err)
	return string(types.FixingKey("EUR", day))
}

// followHints types the commands that localnet proposes, as a shell would take them.
func followHints(t *testing.T, out string) {
	t.Helper()
	commands := regexp.MustCompile(`(?m)^  build/ledgerctl (.*)$`).FindAllStringSubmatch(strings.ReplaceAll(out, "\\\n", ""), -1)
	require.GreaterOrEqual(t, len(commands), 4)
	for _, c := range commands {
		var args []string
		for _, a := range strings.Fields(c[1]) {
			args = append(args, strings.Trim(a, "'"))
		}
		said, err := exec.Command(program(t, "ledgerctl"), args...).CombinedOutput()
		require.NoError(t, err, "%s\n%s", c[1], said)
		if args[0] == "tx" {
			require.Contains(t, string(said), "accepted 1 of 1")
		}
	}
}

// TestLocalnetRefusals: a taken port and a folder with something else in it.
func TestLocalnetRefusals(t *testing.T) {
	first := freeRange(t, 4)
	taken, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first+2))
	require.NoError(t, err)
	defer taken.Close()
	dir := filepath.Join(t.TempDir(), "net")
	l := startLocal(t, "--dir", dir, "--validators", "1", "--port", fmt.Sprint(first))
	require.Equal(t, 1, l.ended(t))
	require.Contains(t, l.errors.String(), taken.Addr().String()+" is taken")
	require.Contains(t, l.errors.String(), "--port")
	require.NoDirExists(t, dir, "nothing is left behind that would stand in the way of the next try")

	dir = t.TempDir()
	mine := filepath.Join(dir, "letters.txt")
	require.NoError(t, os.WriteFile(mine, []byte("dear"), 0o600))
	for _, args := range [][]string{{"--dir", dir}, {"--dir", dir, "--reset"}} {
		l = startLocal(t, args...)
		require.Equal(t, 1, l.ended(t))
		require.Contains(t, l.errors.String(), "is not removed")
		require.FileExists(t, mine)
	}
}
