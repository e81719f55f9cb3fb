package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// reports measures report files: their size and the time to verify them here, by the verifier's own benchmark; the size of
// the verifier for browsers; and the time that it takes in one, where one is installed.
func reports(b *bench) error {
	dir := b.home("reports")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	out, err := b.golang([]string{"REPORTS=" + dir}, "test", "-run", "^$", "-bench", "^BenchmarkVerify$", "-benchtime", "3x", "./client/verifier")
	if err != nil {
		return err
	}
	rows := regexp.MustCompile(`BenchmarkVerify/(\d+)\S*\s+\d+\s+(\d+) ns/op\s+(\d+) file-bytes`).FindAllSubmatch(out, -1)
	if len(rows) != 3 {
		return fmt.Errorf("the benchmark of the verifier says\n%s", out)
	}
	for _, r := range rows {
		size, time := "", ""
		if string(r[1]) == "1000" {
			size, time = "≤ 300", "≤ 50"
		}
		b.add("report."+string(r[1])+".size", float(r[3])/1000, "KB", size)
		b.add("report."+string(r[1])+".verify", float(r[2])/1e6, "ms", time)
	}
	program := filepath.Join(dir, "verifier.wasm")
	if _, err := b.golang([]string{"GOOS=js", "GOARCH=wasm"}, "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./client/browser"); err != nil {
		return err
	}
	raw, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	packed, err := packedSize(raw)
	if err != nil {
		return err
	}
	b.add("browser.program", float64(len(raw))/1e6, "MB", "")
	b.add("browser.program.compressed", float64(packed)/1e6, "MB", "")
	return b.inBrowser(dir)
}

// inBrowser verifies the report of 1,000 entries on the page.
func (b *bench) inBrowser(dir string) error {
	out, err := b.golang([]string{"REPORT=" + filepath.Join(dir, "1000.tcr"), "TRUST=" + filepath.Join(dir, "trust.json")},
		"test", "-count=1", "-v", "-run", "^TestPageInABrowser$", "./client/browser")
	if err != nil {
		return err
	}
	loaded := regexp.MustCompile(`the verifier is loaded after (\d+) ms`).FindSubmatch(out)
	took := regexp.MustCompile(`verified in (\d+) ms`).FindSubmatch(out) // the first time, not warmed up
	if loaded == nil || took == nil {
		b.note("no browser on this machine: no time in one")
		return nil
	}
	b.add("browser.load", float(loaded[1]), "ms", "")
	b.add("browser.1000.verify", float(took[1]), "ms", "")
	return nil
}

// golang runs the go tool at the top of the module, and returns what it prints.
func (b *bench) golang(env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(b.ctx, "go", args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", args[0], err, out)
	}
	return out, nil
}

// float reads digits that an expression found.
func float(digits []byte) float64 {
	v, err := strconv.ParseFloat(string(digits), 64)
	if err != nil {
		panic(err)
	}
	return v
}

// packedSize is the size under the strongest compression that browsers undo.
func packedSize(raw []byte) (int, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return 0, err
	}
	if _, err := w.Write(raw); err != nil {
		return 0, err
	}
	err = w.Close()
	return out.Len(), err
}
