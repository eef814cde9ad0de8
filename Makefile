# make test needs Go, Python 3 with venv, Node with npm, and PostgreSQL, nothing
# prepared. It installs the SDKs of conformance/ into .cache, and PostgreSQL from
# Debian where it may; where it may not, tests on PostgreSQL say that they skip.
SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
.PHONY: build test check lint sdks conformance race postgresql test-distributed clean

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
TOOL    := go tool -modfile=tools/go.mod
CODE    := go list ./... | grep -v '/conformance$$'
WITH    := go run ./internal/pgtest/with

build:
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/allot ./cmd/allot

test: $(if $(CI),lint,check) postgresql
	$(WITH) go test $$($(CODE))
	$(MAKE) --no-print-directory conformance

# What must hold before anything is worth running.
check:
	@out=$$(gofmt -l .); [ -z "$$out" ] || { echo "gofmt would change:"; echo "$$out"; exit 1; }
	go mod verify
	$(if $(CI),go mod tidy -diff)
	go vet ./...
	$(TOOL) staticcheck ./...

# Part of test in CI only: the tool alone takes minutes to build the first time.
lint: check
	$(TOOL) golangci-lint run ./...

# Other people's clients against the built binary, which the test cache does not
# see. Shows the SDKs' versions and how many cases each passed, not each case.
conformance: sdks
	go test -count=1 -v ./conformance/ | grep -Ev '^ *(=== |--- PASS)'

sdks: .cache/python/.installed .cache/js/.installed

.cache/python/.installed: conformance/python/requirements.txt
	python3 -m venv --clear .cache/python
	.cache/python/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

.cache/js/.installed: conformance/js/package.json conformance/js/package-lock.json
	mkdir -p .cache/js
	cp $^ .cache/js/
	npm ci --prefix .cache/js --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

# Needs a C compiler.
race: postgresql
	$(WITH) go test -race $$($(CODE))

postgresql:
	@internal/pgtest/install

test-distributed: build
	@internal/pgtest/distributed '$(URL)'

clean:
	rm -rf bin .cache
