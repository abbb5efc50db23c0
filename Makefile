# The only recipes of the project: people, docs and CI call these.
#   make run    a demonstration district with simulated cameras
#   make test   everything that must hold
#   make bench  figures beside their floors -> target/bench/results.json
#   make lint   formatting, clippy, licences, the page's linters
#   make fuzz   every parser for FUZZ_SECONDS each
#   make conformance  the Autobahn cases against the WebSocket
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.PHONY: run test bench lint fuzz conformance deps deps-run deps-test web test-rust test-web test-page clean help

LISTEN ?= [::]:8443
CAMERAS ?= 24
DATA ?= $(CURDIR)/.cache/demo
FUZZ_SECONDS ?= 20
export GST_REGISTRY_FORK ?= no

help:
	@sed -n '2,8p' Makefile

run: deps-run web
	@echo "== building sightline (the first time takes some minutes)"
	cargo build --locked --release --package sightline
	@mkdir -p "$(DATA)"
	@echo "== starting the demonstration district; stop it with Ctrl-C"
	exec target/release/sightline demo --data "$(DATA)" --listen "$(LISTEN)" --cameras $(CAMERAS) --password-file "$(DATA).password"

test: deps-test web test-web test-rust test-page

test-rust:
	@echo "== Rust: unit, property and scenario tests"
	cargo test --locked --workspace

test-web:
	@echo "== page: types, linters, unit tests"
	cd web-ui && npm run --silent lint && npm test --silent

# The built binary, its demonstration district and a real browser.
test-page:
	@echo "== page in Chromium: sixteen live tiles, an operator's first minutes, a drill from alarm to report, recordings, 3,500 cameras taken in, weeks of supervision"
	cargo test --locked --workspace --no-run --quiet  # as test-rust did: nothing is built twice
	tests/page.sh

bench: deps-run web
	cargo build --locked --release --package sightline --package sightline-bench
	benches/run.sh

lint: deps-test
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny --all-features check bans licenses sources
	cd web-ui && npm run --silent lint

fuzz: deps-test
	@cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz
	tests/fuzz/run.sh $(FUZZ_SECONDS)

# The Autobahn cases against the WebSocket layer; needs Python 3.11 and the package index.
conformance: deps-run
	gateway/relay/tests/autobahn.sh

web: web-ui/dist/index.html

web-ui/node_modules/.package-lock.json: web-ui/package-lock.json
	@echo "== page: installing packages by the committed lock file"
	cd web-ui && npm ci --no-audit --no-fund
	@touch $@

web-ui/dist/index.html: web-ui/node_modules/.package-lock.json web-ui/index.html web-ui/vite.config.ts $(shell find web-ui/src web-ui/public -type f 2>/dev/null)
	@echo "== page: building"
	cd web-ui && npm run --silent build
	@touch $@

# What is missing is installed with apt, what is there costs one look.
deps-run:
	@.ci/install run
deps-test:
	@.ci/install test
deps: deps-test

clean:
	rm -rf target web-ui/dist web-ui/node_modules .cache
