# Trade credit ledger. `make` lists the targets.
GO      ?= go
BUILD   := build
TOOLS   := $(CURDIR)/$(BUILD)/tools
LINT    := $(TOOLS)/golangci-lint-v2.15.0
PROTOC_GEN := $(TOOLS)/protoc-gen-gogofaster
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X tradecredit/types.Version=$(VERSION)
export CGO_ENABLED ?= 0

.DEFAULT_GOAL := help
.PHONY: help build wasm test lint demo localnet bench sim soak fuzz proto clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

build: ## build ledgerd, ledgerctl, demo and localnet into build/
	@mkdir -p $(BUILD)
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BUILD)/ ./node/ledgerd ./client/ledgerctl ./testnet/demo ./testnet/localnet

wasm: ## the report verifier as one web page, build/verify.html: open it and drop a report on it, offline
	@mkdir -p $(BUILD)
	GOOS=js GOARCH=wasm $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BUILD)/verifier.wasm ./client/browser
	@$(GO) run ./client/browser $(BUILD)/verifier.wasm "$$($(GO) env GOROOT)/lib/wasm/wasm_exec.js" $(BUILD)/verify.html

test: ## check everything (under 45 minutes; a few with a warm cache)
	$(GO) vet ./...
	$(GO) test -timeout 20m ./...

lint: $(LINT) ## golangci-lint with the pinned version
	$(LINT) run ./...

demo: build ## one validator, real records, credit reports; API on 127.0.0.1:8080 until Ctrl-C (DEMO_EXIT=1: leave after that)
	@./$(BUILD)/demo

localnet: build ## four validators on this machine until Ctrl-C; state is kept in .localnet/ (RESET=1: begin anew)
	@./$(BUILD)/localnet $(if $(RESET),--reset)

bench: build ## the figures: a table, then name<TAB>value<TAB>unit lines (VAT=<folder> adds the VAT invoices)
	@$(GO) run ./testnet/bench $(if $(VAT),--vat '$(VAT)') $(BENCH)

sim: ## the simulation: seeds from:to, so many blocks each (SEEDS=17:18 BLOCKS=120 replays a failure; SHOW=text, AUDIT=1, ASKS=n)
	@SIM_SEEDS=$(SEEDS) SIM_BLOCKS=$(BLOCKS) SIM_SHOW='$(SHOW)' SIM_AUDIT=$(AUDIT) SIM_ASKS=$(ASKS) $(GO) test ./testnet/sim -run '^TestSeeds$$' -count 1 -timeout 150m -v

planted: ## put known bugs into the program, one at a time, and show what finds them
	@$(GO) run ./testnet/planted

soak: ## long suites: more seeds, more crash points, longer fuzzing
	SOAK=1 $(GO) test -timeout 150m -count 1 ./...
	$(MAKE) fuzz FUZZTIME=5m

FUZZTIME ?= 30s
fuzz: ## every fuzz target for FUZZTIME (30s)
	@set -e; for p in $$($(GO) list ./...); do for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
		echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p; done; done

proto: $(PROTOC_GEN) ## regenerate types/types.pb.go (needs protoc 3.21 or newer)
	@gogo=$$($(GO) list -m -f '{{.Dir}}' github.com/cosmos/gogoproto) && mkdir -p $(BUILD)/proto && \
	protoc -I tradecredit/v1=types -I $$gogo -I $$gogo/protobuf --plugin=$(PROTOC_GEN) \
		--gogofaster_out=paths=source_relative:$(BUILD)/proto tradecredit/v1/types.proto && \
	cp $(BUILD)/proto/tradecredit/v1/types.pb.go types/

$(PROTOC_GEN):
	GOBIN=$(TOOLS) $(GO) install github.com/cosmos/gogoproto/protoc-gen-gogofaster@v1.7.2

$(LINT):
	GOBIN=$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	mv $(TOOLS)/golangci-lint $(LINT)

clean: ## remove build/, .demo/ and .localnet/
	rm -rf $(BUILD) .demo .localnet
