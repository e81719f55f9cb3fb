//go:build !js

package main

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/base64"
	"fmt"
	"os"
)

//go:embed page.html
var page []byte

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
		os.Exit(1)
	}
}

// run puts the program and Go's loader into the page.
func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("wants verifier.wasm, wasm_exec.js and the page to write")
	}
	program, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	loader, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	out, packed, err := assemble(page, program, loader)
	if err != nil {
		return err
	}
	if err := os.WriteFile(args[2], out, 0o644); err != nil {
		return err
	}
	fmt.Printf("%s: %d bytes; the program has %d, compressed %d\n", args[2], len(out), len(program), packed)
	return nil
}

// assemble fills the places of the page; packed is the size of the compressed program.
func assemble(page, program, loader []byte) (out []byte, packed int, err error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, 0, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, 0, err
	}
	if err := w.Close(); err != nil {
		return nil, 0, err
	}
	for mark, content := range map[string][]byte{
		"/*GO-LOADER*/": loader, "PROGRAM-GZIP-BASE64": []byte(base64.StdEncoding.EncodeToString(b.Bytes())),
	} {
		if bytes.Count(page, []byte(mark)) != 1 {
			return nil, 0, fmt.Errorf("the page does not have one place for %s", mark)
		}
		page = bytes.Replace(page, []byte(mark), content, 1)
	}
	return page, b.Len(), nil
}
