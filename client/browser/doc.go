// Program browser is the verifier of credit reports as one web page that needs no server and no network: a file to open,
// into which a report and a trust file are dropped.
//
// It is two programs. Built for the browser (GOOS=js GOARCH=wasm) it is package verifier with a function that the page
// calls; built for this machine it puts that, gzip-compressed, and Go's loader into page.html. `make wasm` does both:
//
//	GOOS=js GOARCH=wasm go build -o build/verifier.wasm ./client/browser
//	go run ./client/browser build/verifier.wasm $(go env GOROOT)/lib/wasm/wasm_exec.js build/verify.html
//
// The page forbids itself, by its content security policy, to fetch or send anything.
package main
