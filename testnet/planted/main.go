package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// bug is one planted bug.
type bug struct {
	name    string
	what    string   // one line: what is wrong
	file    string   // source file, from the module's root
	pkg     string   // package whose tests must find it
	run     string   // pattern of these tests
	changes []change // each taken out exactly once
}

type change struct{ out, in string }

// limit is how long the tests of one bug may take; a hang is not how a bug should be found.
const limit = 10 * time.Minute

func main() {
	root, err := moduleRoot()
	if err == nil {
		err = plantAll(root, os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "planted:", err)
		os.Exit(1)
	}
}

func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}

// plantAll plants the bugs of those names, or all, and prints what found each.
func plantAll(root string, names []string) error {
	bugs, err := readBugs(filepath.Join(root, "testnet/planted/bugs"))
	if err != nil {
		return err
	}
	const row = "%-28s  %-84s  %7s  %s\n"
	fmt.Printf(row, "PLANTED", "WHAT", "SECONDS", "FOUND BY")
	found, tried := 0, 0
	for _, b := range bugs {
		if len(names) > 0 && !contains(names, b.name) {
			continue
		}
		tried++
		began := time.Now()
		by, err := plant(root, b)
		if err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
		if by != "" {
			found++
		} else {
			by = "NOTHING"
		}
		fmt.Printf(row, b.name, b.what, strconv.Itoa(int(time.Since(began).Seconds())), by)
	}
	fmt.Printf("\n%d of %d planted bugs were found\n", found, tried)
	if found < tried || tried == 0 {
		return errors.New("the tests missed one")
	}
	return nil
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// readBugs reads every bug in the order of their names.
func readBugs(dir string) ([]*bug, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		return nil, err
	}
	var out []*bug
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		b, err := parseBug(strings.TrimSuffix(filepath.Base(path), ".txt"), string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		out = append(out, b)
	}
	return out, nil
}

// parseBug reads lines "what: …", "file: …", "tests: <package> <pattern>", then pairs of blocks, each after a line
// "--- out" or "--- in".
func parseBug(name, text string) (*bug, error) {
	blocks := regexp.MustCompile(`(?m)^--- (out|in)\n`).Split(text, -1)
	b := &bug{name: name}
	for line := range strings.Lines(blocks[0]) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "what":
			b.what = value
		case "file":
			b.file = value
		case "tests":
			b.pkg, b.run, _ = strings.Cut(value, " ")
		}
	}
	if b.what == "" || b.file == "" || b.run == "" || len(blocks) < 3 || len(blocks)%2 == 0 {
		return nil, errors.New("what, file, tests, and pairs of --- out and --- in")
	}
	for i := 1; i < len(blocks); i += 2 {
		b.changes = append(b.changes, change{out: blocks[i], in: blocks[i+1]})
	}
	return b, nil
}

// plant runs the tests over the changed source, and returns the first test that failed; empty if none did.
func plant(root string, b *bug) (string, error) {
	dir, err := os.MkdirTemp("", "planted")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	overlay, err := writeOverlay(root, dir, b)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	test := exec.CommandContext(ctx, "go", "test", "-overlay", overlay, "-count=1", "-failfast", "-run", b.run, b.pkg)
	test.Dir = root
	out, err := test.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case strings.Contains(string(out), "[build failed]") || strings.Contains(string(out), "[setup failed]"):
		return "", fmt.Errorf("it does not build: %s", out)
	case err == nil && strings.Contains(string(out), "no tests to run"):
		return "", fmt.Errorf("%s has no test %s", b.pkg, b.run)
	case err == nil:
		return "", nil
	case ctx.Err() != nil || !errors.As(err, &exit):
		return "", fmt.Errorf("%w: %v\n%s", err, ctx.Err(), out)
	}
	return finder(string(out)), nil
}

// writeOverlay writes the changed file and the overlay that puts it in its place.
func writeOverlay(root, dir string, b *bug) (string, error) {
	path := filepath.Join(root, b.file)
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	source := string(raw)
	for _, c := range b.changes {
		if n := strings.Count(source, c.out); n != 1 {
			return "", fmt.Errorf("%s holds these lines %d times, not once:\n%s", b.file, n, c.out)
		}
		source = strings.Replace(source, c.out, c.in, 1)
	}
	changed := filepath.Join(dir, "changed.go")
	if err := os.WriteFile(changed, []byte(source), 0o600); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{path: changed}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, list, 0o600)
}

var failed = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// finder names the deepest test that failed first, or says that the program died.
func finder(out string) string {
	by := "a panic"
	for _, m := range failed.FindAllStringSubmatch(out, -1) {
		if by == "a panic" || strings.HasPrefix(m[1], by+"/") {
			by = m[1]
		}
	}
	return by
}
