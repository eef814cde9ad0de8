# make test fetches what it needs into .cache, and PostgreSQL from Debian where it
# may. In CI it also runs the race detector where goroutines meet.
SHELL := $(shell command -v bash || echo sh)
.SHELLFLAGS := $(if $(findstring bash,$(SHELL)),-euo pipefail -c,-ec)
.PHONY: build test check lint vuln sdks conformance clients browser pictures chromium generators schemathesis race postgresql torture simulate fuzz test-distributed deploy-check guide image release clean

# Of an archive, VERSION says it: a repository around this one has another.
OWN     := $(shell [ "$$(git rev-parse --show-toplevel 2>/dev/null)" = "$$(pwd -P)" ] && echo own)
VERSION ?= $(if $(OWN),$(shell git describe --tags --always --dirty),$(or $(shell sed -n '/^[^$$]/{p;q;}' VERSION),unknown))
TOOL    := go tool -modfile=tools/go.mod
CODE    := go list ./... | grep -Ev '/(conformance|clients|browser)$$'
WITH    := go run ./internal/pgtest/with
MEET    := ./internal/auth ./internal/oauth ./internal/snapshot ./internal/feed ./internal/door ./client
BRIEF   := grep -Ev '^ *(=== |--- PASS)'

build:
	CGO_ENABLED=0 go build -trimpath $(if $(OWN),,-buildvcs=false) -ldflags '-s -w -X main.version=$(VERSION)' -o bin/allot ./cmd/allot

test: $(if $(CI),lint,check) postgresql
	$(WITH) go test -shuffle=on $$($(CODE))
	$(if $(CI),ALLOT_MODEL_OPERATIONS=200 $(WITH) go test -race -shuffle=on $(MEET))
	$(MAKE) --no-print-directory conformance clients browser

check: # what must hold before anything is worth running
	@out=$$(gofmt -l .); [ -z "$$out" ] || { echo "gofmt would change:"; echo "$$out"; exit 1; }
	go mod verify
	$(if $(CI),go mod tidy -diff)
	go vet ./...
	$(TOOL) staticcheck ./...

lint: check # in CI only a part of test: the tool alone takes minutes to build
	$(TOOL) golangci-lint run ./...

vuln: # needs Go's vulnerability database, over the network
	$(TOOL) govulncheck ./...

# Against the built binary, which the test cache does not see: other people's
# clients, and our packages for other languages, packed and installed.
conformance clients: sdks
	go test -count=1 -v ./$@/ | $(BRIEF)

browser: chromium # the pages, as people see them
	go test -count=1 -v ./browser/ | $(BRIEF)
pictures: chromium # of docs/pictures, made anew
	go test -count=1 ./browser -run TestPictures -pictures

chromium:
	@browser/install
	@conformance/install browser/js .cache/browser

sdks:
	@conformance/install conformance/python .cache/python
	@conformance/install clients/python .cache/clients/python
	@conformance/install conformance/js .cache/js --omit=optional
	@conformance/install clients/js .cache/clients/js
	@conformance/install conformance/webhooks/python .cache/webhooks/python
	@conformance/install conformance/webhooks/js .cache/webhooks/js --omit=optional

race: postgresql # all of it; needs a C compiler
	$(WITH) go test -race -shuffle=on $$($(CODE))

FOR ?= 10m
torture: postgresql # servers are killed while an oracle keeps what they acknowledged; twice FOR
	ALLOT_TORTURE=$(FOR) $(WITH) go test -count=1 -v -timeout 4h -run Torture ./internal/cli | $(BRIEF)

SEEDS ?= 10000
simulate: # what three nodes do that one seed decides, each time the same; no network, no waiting
	ALLOT_SIM_SEEDS=$(SEEDS) go test -count=1 -v -timeout 4h -run 'Simulation' ./internal/service/racetest | $(BRIEF)

FUZZ ?= 30s
fuzz: # each fuzz target for so long; what one finds is kept in testdata and fails from then on
	@grep -rl --include='*_test.go' '^func Fuzz' . | while read -r f; do sed -n 's/^func \(Fuzz[A-Za-z]*\).*/\1/p' "$$f" | while read -r name; do \
		echo "$${f%/*} $$name"; go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZ) -fuzzminimizetime 100x "$${f%/*}" </dev/null || exit 1; done || exit 1; done

postgresql:
	@internal/pgtest/install
test-distributed: build
	@internal/pgtest/distributed '$(URL)'
schemathesis: build # requests made from openapi.yaml, for four minutes; needs Python, and the network once
	@conformance/schemathesis/run 240
generators: build # needs the network, a JDK, Node, Python and Cargo; takes minutes
	@conformance/generators/run
deploy-check: # deploy/ by the tools that read it; needs the network once, and Debian or its tools
	@deploy/check
release: # archives, bills of materials and checksums, in dist; the same bytes wherever it is made
	go run ./deploy/release -version '$(VERSION)' -out dist
guide: # docs/deploy.md followed under systemd, on a machine of its own; needs root on Debian, and the network once
	@deploy/guide/run
image: # OCI, in bin/image, without a daemon; needs umoci
	@deploy/image/build bin/image '$(VERSION)'
clean:
	rm -rf bin dist .cache
