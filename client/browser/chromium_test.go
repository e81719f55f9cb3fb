//go:build !js

package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// chromium is a browser without a window that is driven over two pipes: one JSON message each way, with a zero byte behind it.
type chromium struct {
	t       *testing.T
	to      *os.File
	from    *bufio.Reader
	session string
	number  int
	asked   []string // addresses that the page asked for
	errors  []string // what it wrote to its console, and uncaught exceptions
}

// browserNames are programs that understand the protocol.
var browserNames = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"}

// findBrowser is the path of a browser, or nothing.
func findBrowser() string {
	for _, name := range browserNames {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// patience is how long a browser may take for anything.
const patience = 60 * time.Second

func startChromium(t *testing.T, path string) *chromium {
	t.Helper()
	theirIn, ours, err := os.Pipe()
	require.NoError(t, err)
	mine, theirOut, err := os.Pipe()
	require.NoError(t, err)
	profile, err := os.MkdirTemp("", "chromium-") // not the test's own: its processes may write for a moment after the first one ended
	require.NoError(t, err)
	cmd := exec.Command(path, "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-extensions", "--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--lang=en",
		"--host-resolver-rules=MAP * ~NOTFOUND", "--user-data-dir="+profile)
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4, as the protocol wants
	require.NoError(t, cmd.Start())
	require.NoError(t, theirIn.Close())
	require.NoError(t, theirOut.Close())
	deadline := time.AfterFunc(4*patience, func() { _ = cmd.Process.Kill() }) // a browser that hangs ends the test with an error
	c := &chromium{t: t, to: ours, from: bufio.NewReaderSize(mine, 1<<20)}
	t.Cleanup(func() {
		deadline.Stop()
		_ = ours.Close() // it may have ended
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = mine.Close()
		for end := time.Now().Add(10 * time.Second); os.RemoveAll(profile) != nil && time.Now().Before(end); {
			time.Sleep(50 * time.Millisecond)
		}
	})
	target := c.call("Target.createTarget", map[string]any{"url": "about:blank"})["targetId"]
	c.session = c.call("Target.attachToTarget", map[string]any{"targetId": target, "flatten": true})["sessionId"].(string)
	for _, domain := range []string{"Page", "Runtime", "DOM", "Network"} {
		c.call(domain+".enable", nil)
	}
	return c
}

// call asks the browser, and returns its answer.
func (c *chromium) call(method string, params map[string]any) map[string]any {
	c.t.Helper()
	result, refused := c.ask(method, params)
	require.Empty(c.t, refused, method)
	return result
}

// ask is call, of what the browser may refuse. What happens meanwhile is noted.
func (c *chromium) ask(method string, params map[string]any) (result map[string]any, refused string) {
	c.t.Helper()
	c.number++
	message := map[string]any{"id": c.number, "method": method, "params": params}
	if params == nil {
		delete(message, "params")
	}
	if c.session != "" {
		message["sessionId"] = c.session
	}
	data, err := json.Marshal(message)
	require.NoError(c.t, err)
	_, err = c.to.Write(append(data, 0))
	require.NoError(c.t, err)
	for {
		line, err := c.from.ReadBytes(0)
		require.NoError(c.t, err, "the browser says nothing to %s", method)
		var got struct {
			ID     int
			Method string
			Params map[string]any
			Result map[string]any
			Error  *struct{ Message string }
		}
		require.NoError(c.t, json.Unmarshal(line[:len(line)-1], &got))
		if got.Method != "" {
			c.note(got.Method, got.Params)
		}
		if got.ID == c.number {
			if got.Error != nil {
				return nil, got.Error.Message
			}
			return got.Result, ""
		}
	}
}

func (c *chromium) note(method string, params map[string]any) {
	switch method {
	case "Network.requestWillBeSent":
		c.asked = append(c.asked, fmt.Sprint(params["request"].(map[string]any)["url"]))
	case "Runtime.exceptionThrown", "Runtime.consoleAPICalled":
		data, err := json.Marshal(params)
		require.NoError(c.t, err)
		c.errors = append(c.errors, string(data))
	}
}

// eval is the value of an expression in the page.
func (c *chromium) eval(expression string) any {
	c.t.Helper()
	r := c.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true})
	require.NotContains(c.t, r, "exceptionDetails", expression)
	return r["result"].(map[string]any)["value"]
}

// until waits for an expression to be true. While a page is being loaded there may be nothing to ask yet.
func (c *chromium) until(expression string) {
	c.t.Helper()
	ask := map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		r, refused := c.ask("Runtime.evaluate", ask)
		if value, ok := r["result"].(map[string]any); ok && r["exceptionDetails"] == nil && value["value"] == true {
			return
		}
		if time.Now().After(end) {
			require.Fail(c.t, expression+" does not become true", "%v %s; the page says: %v; %v", r, refused,
				c.eval(`document.body ? document.body.innerText : ""`), c.errors)
		}
	}
}

// choose puts a file into an input.
func (c *chromium) choose(input, path string) {
	c.t.Helper()
	root := c.call("DOM.getDocument", nil)["root"].(map[string]any)["nodeId"]
	node := c.call("DOM.querySelector", map[string]any{"nodeId": root, "selector": "#" + input})["nodeId"]
	c.call("DOM.setFileInputFiles", map[string]any{"nodeId": node, "files": []string{path}})
}

// picture writes what a person sees, to the folder that SCREENSHOTS names.
func (c *chromium) picture(name string) {
	c.t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	height := min(c.eval(`document.documentElement.scrollHeight`).(float64), 8000)
	width := c.eval(`innerWidth`)
	got := c.call("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true,
		"clip": map[string]any{"x": 0, "y": 0, "width": width, "height": height, "scale": 1}})
	data, err := base64.StdEncoding.DecodeString(got["data"].(string))
	require.NoError(c.t, err)
	require.NoError(c.t, os.WriteFile(filepath.Join(dir, name+".png"), data, 0o644))
}

// buildPage makes the page as `make wasm` does.
func buildPage(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	program, page := filepath.Join(dir, "verifier.wasm"), filepath.Join(dir, "verify.html")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, ".")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	root, err := exec.Command("go", "env", "GOROOT").Output()
	require.NoError(t, err)
	require.NoError(t, run([]string{program, filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"), page}))
	return page
}

// TestPageInABrowser verifies reports on the page as a person does, where a browser is installed. SCREENSHOTS=<folder> keeps
// pictures; REPORT and TRUST name files to look at beside the golden ones.
func TestPageInABrowser(t *testing.T) {
	path := findBrowser()
	if path == "" {
		t.Logf("no browser here: none of %s", strings.Join(browserNames, ", "))
		return
	}
	c := startChromium(t, path)
	c.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": 1180, "height": 900, "deviceScaleFactor": 1, "mobile": false})
	page := buildPage(t)
	began := time.Now()
	c.call("Page.navigate", map[string]any{"url": "file://" + page})
	c.until(`typeof ready !== "undefined" && ready`)
	t.Logf("the verifier is loaded after %d ms", time.Since(began).Milliseconds())
	c.picture("empty")
	set := func(id, value string) {
		c.eval(fmt.Sprintf(`document.getElementById(%q).value = %q; document.getElementById(%q).dispatchEvent(new Event("change"))`, id, value, id))
	}
	verdict := func() string { return c.eval(`document.getElementById("verdict").innerText`).(string) }

	testdata, err := filepath.Abs("../verifier/testdata")
	require.NoError(t, err)
	c.eval(`document.getElementById("en").click()`)
	c.choose("reportFile", filepath.Join(testdata, "report.tcr"))
	c.until(`!!report`)
	require.Contains(t, verdict(), "Now the trust file")
	c.choose("trustFile", filepath.Join(testdata, "trust.json"))
	c.until(`!!answer`)
	require.Contains(t, verdict(), "NOT VERIFIED")
	require.Contains(t, verdict(), "simulated network")
	c.picture("simulated.en")
	c.eval(`document.getElementById("simulation").click()`)
	set("asOf", "2025-12-03")
	c.eval(`document.getElementById("log").open = true`)
	for _, lang := range []string{"en", "zh"} {
		c.eval(fmt.Sprintf(`document.getElementById(%q).click()`, lang))
		require.Equal(t, "good", c.eval(`document.getElementById("verdict").className`))
		require.Equal(t, string(golden(t, "report."+lang+".txt")), c.eval(`document.getElementById("page").textContent`))
		require.Equal(t, float64(41), c.eval(`document.querySelectorAll("#log tbody tr").length`))
		c.picture("good." + lang)
	}
	c.eval(`document.getElementById("log").open = false`)
	set("maxAge", "7")
	require.Contains(t, verdict(), "账本状态比所要求的期限更旧")
	set("maxAge", "")
	set("period", "7")
	require.Contains(t, verdict(), "仅旧信任")
	set("period", "")
	c.choose("reportFile", filepath.Join(testdata, "renewed.tcr"))
	c.until(`answer.standing === 2`)
	require.Contains(t, verdict(), "已续期")
	set("asOf", "2035-12-01")
	require.Contains(t, verdict(), "仅旧信任")
	c.picture("old.zh")

	damaged := golden(t, "report.tcr")
	damaged[len(damaged)/2] ^= 1
	bad := filepath.Join(t.TempDir(), "damaged.tcr")
	require.NoError(t, os.WriteFile(bad, damaged, 0o600))
	c.choose("reportFile", bad)
	c.until(`answer.standing === 0`)
	for _, lang := range []string{"zh", "en"} {
		c.eval(fmt.Sprintf(`document.getElementById(%q).click()`, lang))
		require.Equal(t, "bad", c.eval(`document.getElementById("verdict").className`))
		require.Equal(t, true, c.eval(`document.getElementById("page").hidden`), "nothing of a damaged report is shown")
		c.picture("damaged." + lang)
	}
	require.Contains(t, verdict(), "checksum")

	// Both files are dropped at once, somewhere on the page.
	c.choose("reportFile", filepath.Join(testdata, "index.tcr"))
	c.until(`report.name === "index.tcr"`)
	c.eval(`(() => { const d = new DataTransfer(); for (const f of [report, trust]) d.items.add(new File([f.bytes], f.name)); report = trust = answer = null; say();
		document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: d, bubbles: true, cancelable: true })) })()`)
	c.until(`!!answer && answer.standing === 3`)
	set("asOf", "2025-12-03")
	require.Equal(t, string(golden(t, "index.en.txt")), c.eval(`document.getElementById("page").textContent`))
	c.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": true})
	require.Equal(t, true, c.eval(`document.documentElement.scrollWidth <= 390`), "it fits a telephone")
	c.picture("telephone")
	c.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": 1180, "height": 900, "deviceScaleFactor": 1, "mobile": false})
	c.given()
	for _, url := range c.asked {
		require.True(t, strings.HasPrefix(url, "file://"+page) || strings.HasPrefix(url, "data:") || url == "about:blank", "the page asked for %s", url)
	}
	require.Empty(t, c.errors)
}

// given verifies the report that the environment names.
func (c *chromium) given() {
	c.t.Helper()
	if report, trust := os.Getenv("REPORT"), os.Getenv("TRUST"); report != "" {
		c.eval(`document.getElementById("asOf").value = ""`)
		c.choose("trustFile", trust)
		c.choose("reportFile", report)
		c.until(`report.name === ` + fmt.Sprintf("%q", filepath.Base(report)) + ` && !!answer`)
		for range 3 {
			c.t.Logf("verified in %.0f ms", c.eval(`took`))
			c.eval(`verify()`)
		}
		for _, lang := range []string{"zh", "en"} {
			c.eval(fmt.Sprintf(`document.getElementById(%q).click()`, lang))
			c.picture("given." + lang)
		}
	}
}
