package main

import (
	"encoding/json"
	"syscall/js"
)

// main gives the page its two functions, and stays.
func main() {
	js.Global().Set("tcrVerify", js.FuncOf(func(_ js.Value, args []js.Value) any {
		return text(verify(bytesOf(args[0]), bytesOf(args[1]), []byte(args[2].String())))
	}))
	js.Global().Set("tcrPin", js.FuncOf(func(_ js.Value, args []js.Value) any { return text(pin(bytesOf(args[0]))) }))
	js.Global().Call("tcrReady")
	select {}
}

// bytesOf copies a Uint8Array.
func bytesOf(v js.Value) []byte {
	b := make([]byte, v.Length())
	js.CopyBytesToGo(b, v)
	return b
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return `{"refused":{"en":"the answer cannot be written","zh":"the answer cannot be written"}}`
	}
	return string(b)
}
