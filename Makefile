# `make help` lists what there is. Tools are installed at the versions below
# into .bin, on demand, and nowhere else.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

BIN := $(CURDIR)/.bin
GOLANGCI_LINT := $(BIN)/golangci-lint-v2.12.2
BENCHSTAT := $(BIN)/benchstat-v0.0.0-20260709024250-82a0b07e230d

# The linter's cache remembers a file by its content and reports it under the
# folder where it saw it first: two clones must not share one.
export GOLANGCI_LINT_CACHE := $(BIN)/golangci-lint-cache

# The folders of the workspace's modules, as go.work lists them.
MODULES = $(shell go list -m -f '{{.Dir}}')

FUZZTIME ?= 60s
BENCHTIME ?= 200ms
BENCHCOUNT ?= 6

.PHONY: all
all: fmt lint test ## Format, lint and test: what a change needs before it is committed

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.* ## ' $(MAKEFILE_LIST) | sed -E 's/:.* ## /\t/' | sort | awk -F '\t' '{ printf "  make %-12s %s\n", $$1, $$2 }'

.PHONY: run
run: ## Start the server with the chat demo on http://127.0.0.1:3000
	go run ./cmd/sockeye serve

# The tests install the packages that they drive into the tree. A browser is not
# a package, so it is installed here where that needs no question.
.PHONY: browser
browser:
	@if ! command -v chromium >/dev/null && command -v apt-get >/dev/null && [[ $$(id -u) == 0 ]]; then \
		apt-get update -qq </dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium </dev/null; \
	fi

.PHONY: test
test: browser ## Run every test of every module under the race detector, and the library's once more without
	go vet work
	@{ status=0; \
	   go test -json -race -shuffle=on -count=1 work || status=1; \
	   go test -json -shuffle=on -count=1 ./... || status=1; \
	   exit $$status; } | go run ./scripts/testsum

.PHONY: test-short
test-short: ## Run the library's own tests only: no browser, no other language, seconds
	go test -race -shuffle=on ./...

.PHONY: interop
interop: ## Run the conformance tests only: the official JavaScript and Python clients, a real browser
	go test -race -shuffle=on -count=1 ./conformance/...

.PHONY: check
check: lint alone bench-once ## Everything beside the tests that a change must pass: lint, each module alone, each benchmark once

# Each module has to build for those who import it without the workspace.
.PHONY: alone
alone:
	@status=0; for dir in $(MODULES); do \
		echo "alone: $$dir"; cd "$$dir"; \
		go mod tidy -diff || status=1; \
		GOWORK=off go build -o /dev/null ./... || status=1; \
		GOWORK=off go vet ./... || status=1; \
	done; exit $$status

# A benchmark that nobody runs stops working.
.PHONY: bench-once
bench-once:
	go test -run '^$$' -bench . -benchtime 1x work

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Run the linters over every module
	@status=0; for dir in $(MODULES); do \
		echo "lint: $$dir"; cd "$$dir"; \
		$(GOLANGCI_LINT) run --config $(CURDIR)/.golangci.yml ./... || status=1; \
	done; exit $$status

.PHONY: fmt
fmt: $(GOLANGCI_LINT) ## Format all Go code
	$(GOLANGCI_LINT) fmt

.PHONY: fuzz
fuzz: ## Fuzz each target for FUZZTIME (60s), in turn
	@for pkg in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' "$$pkg" | grep '^Fuzz' || true); do \
			echo "fuzz: $$pkg $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$pkg"; \
		done; \
	done

.PHONY: bench
bench: $(BENCHSTAT) ## Measure: the Go benchmarks (beside bench/out/base.txt, if kept), then a quick comparison with Node
	@mkdir -p bench/out
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) -count $(BENCHCOUNT) ./... > bench/out/go.txt
	$(BENCHSTAT) $(wildcard bench/out/base.txt) bench/out/go.txt
	go run ./bench/compare -quick

.PHONY: cover
cover: ## Print which share of the library's statements its tests reach
	@mkdir -p $(BIN)
	go test -coverpkg=./... -coverprofile=$(BIN)/cover.out ./...
	go tool cover -func=$(BIN)/cover.out | tail -n 1

.PHONY: tidy
tidy: ## Tidy the go.mod of every module
	@for dir in $(MODULES); do (cd "$$dir" && go mod tidy); done
	go work sync

.PHONY: clean
clean: ## Remove installed tools, test environments and what the benchmarks wrote
	rm -rf $(BIN) bench/out conformance/screenshots
	find . -name node_modules -type d -prune -exec rm -rf {} +
	find . -name .venv -type d -prune -exec rm -rf {} +

# install NAME,PACKAGE: the target's file name ends in the version to install.
define install
	@mkdir -p $(BIN)
	GOBIN=$(BIN) go install $(2)@$(patsubst $(1)-%,%,$(notdir $@))
	mv $(BIN)/$(1) $@
endef

$(GOLANGCI_LINT):
	$(call install,golangci-lint,github.com/golangci/golangci-lint/v2/cmd/golangci-lint)

$(BENCHSTAT):
	$(call install,benchstat,golang.org/x/perf/cmd/benchstat)
