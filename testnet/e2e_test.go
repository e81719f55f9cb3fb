package testnet

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// TestScripts types the commands of a user into the real programs: testdata/*.txt. Beside what testscript knows, a script has
//
//	eventually 'regexp' program args…    runs it again until it succeeds and its output matches
//	exits N program args…                it ends with that status
//	grab NAME 'regexp'                   keeps the first group, found in the last output, as $NAME
//	fill FILE                            puts the variables into a file of the script
//	append FILE OTHER                    adds the other file to the end of the first
//	flip FILE                            changes one bit in the middle of it
//
// and the variables A1 … A12, free loopback addresses, and TODAY, AGO10, AGO40, AHEAD20, AHEAD200, days.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(scripts), 4)
	program(t, "ledgerd")
	testscript.Run(t, testscript.Params{
		Dir: "testdata", RequireUniqueNames: true, Setup: setupScript,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"eventually": untilMatches, "exits": exitsWith, "grab": grab, "fill": fill, "append": appendFile, "flip": flip,
		},
	})
}

func setupScript(e *testscript.Env) error {
	home := filepath.Join(e.WorkDir, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	e.Setenv("HOME", home)
	e.Setenv("LANG", "C")
	e.Setenv("PATH", programDir+string(os.PathListSeparator)+e.Getenv("PATH"))
	for i := range 12 {
		port, err := FreePort()
		if err != nil {
			return err
		}
		e.Setenv("A"+strconv.Itoa(i+1), "127.0.0.1:"+strconv.Itoa(port))
	}
	now := time.Now().UTC()
	for name, days := range map[string]int{"TODAY": 0, "AGO10": -10, "AGO40": -40, "AHEAD20": 20, "AHEAD200": 200} {
		e.Setenv(name, now.AddDate(0, 0, days).Format(time.DateOnly))
	}
	return nil
}

func noNegation(ts *testscript.TestScript, neg bool) {
	if neg {
		ts.Fatalf("! has no meaning here")
	}
}

func untilMatches(ts *testscript.TestScript, neg bool, args []string) {
	noNegation(ts, neg)
	if len(args) < 2 {
		ts.Fatalf("usage: eventually 'regexp' program args…")
	}
	want, err := regexp.Compile(args[0])
	ts.Check(err)
	deadline := time.Now().Add(patience)
	for {
		err := ts.Exec(args[1], args[2:]...)
		if err == nil && want.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("still no %s after %s (%v)", want, patience, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func exitsWith(ts *testscript.TestScript, neg bool, args []string) {
	noNegation(ts, neg)
	if len(args) < 2 {
		ts.Fatalf("usage: exits N program args…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, not %d", got, want)
	}
}

func grab(ts *testscript.TestScript, neg bool, args []string) {
	noNegation(ts, neg)
	if len(args) != 2 {
		ts.Fatalf("usage: grab NAME 'regexp'")
	}
	found := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("the output has no %s with one group", args[1])
	}
	ts.Setenv(args[0], found[1])
}

func fill(ts *testscript.TestScript, neg bool, args []string) {
	noNegation(ts, neg)
	for _, name := range args {
		text := os.Expand(ts.ReadFile(name), func(variable string) string {
			v := ts.Getenv(variable)
			if v == "" {
				ts.Fatalf("%s: no variable %s", name, variable)
			}
			return v
		})
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}

func appendFile(ts *testscript.TestScript, neg bool, args []string) {
	noNegation(ts, neg)
	if len(args) != 2 {
		ts.Fatalf("usage: append FILE OTHER")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(ts.ReadFile(args[0])+ts.ReadFile(args[1])), 0o600))
}

func flip(ts *testscript.TestScript, neg bool, args []string) {
	noNegation(ts, neg)
	if len(args) != 1 {
		ts.Fatalf("usage: flip FILE")
	}
	raw := []byte(ts.ReadFile(args[0]))
	raw[len(raw)/2] ^= 1
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), raw, 0o600))
}
