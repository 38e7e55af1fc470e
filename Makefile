# What this project can do, one word each; `make` alone lists it. The work is in deploy/.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

var := $(or $(TAKEAWAY_VAR),var)
bin := $(or $(CARGO_TARGET_DIR),target)/debug
cargo_deny := 0.20.2
# On a build server Cargo.lock is what was committed, never what cargo would make of it.
locked := $(if $(CI),--locked)

.PHONY: help
help: ## list the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/make \1\t\2/p' Makefile | expand -t 14

# Orders and promotions first: analytics takes longest to compile, and nobody needs it to order.
# `--workspace --bin` and not `-p`: cargo then chooses the features of the dependencies for the
# whole workspace each time, so that no dependency is compiled twice, here or for `make test`.
.PHONY: up
up: ## start everything on this machine and take one order all the way
	@deploy/step 'Install what is missing' deploy/setup
	@deploy/step 'Start Kafka, registry and mail' deploy/local up kafka registry mail
	@deploy/step 'Build orders and promotions' \
	  cargo build $(locked) --workspace --bin orders --bin promotions
	@deploy/step 'Start orders and promotions' deploy/local up orders promotions
	@deploy/step 'Build analytics' cargo build $(locked) --workspace --bin analytics --bin story
	@deploy/step 'Start analytics' deploy/local up analytics
	@$(MAKE) --no-print-directory order

.PHONY: order
order: ## take another order all the way and print its timeline
	@[[ -f $(var)/stack.env ]] || { echo 'Nothing runs here yet. Start it: make up'; exit 1; }
	@set -a; . $(var)/stack.env; set +a; deploy/step 'Take one order all the way' $(bin)/story

.PHONY: instances
instances: ## move the orders to PostgreSQL and start three instances on it, data included
	@deploy/step 'Install what is missing' deploy/setup --postgres
	@deploy/step 'Build orders' cargo build $(locked) --workspace --bin orders --bin story
	@deploy/step 'Move the orders and start three instances' deploy/instances up
	@$(MAKE) --no-print-directory order
	@deploy/local status
	@echo 'Any of the three takes any order. Back to one instance and a file: deploy/instances back'

.PHONY: status
status: ## show what runs where
	@deploy/local status || true

.PHONY: down
down: ## stop everything, keep the data
	@deploy/local down

.PHONY: clean
clean: ## stop everything, remove the data (not what was downloaded or compiled)
	@deploy/local clean

.PHONY: test
test: ## every check and every test, on a stack of its own
	@deploy/step 'Install what is missing' deploy/setup --tests
	@deploy/step 'Check the formatting' cargo fmt --all --check
	@deploy/step 'Lint' cargo clippy $(locked) --workspace --all-targets -- -D warnings
	@deploy/step 'Build the binaries' cargo build $(locked) --workspace --bins
	@deploy/step 'Test' deploy/run-tests $(locked)

.PHONY: release
release: ## build orders for speed, by what it goes through under load; half an hour
	@deploy/step 'Install what is missing' deploy/setup
	@deploy/step 'Build' deploy/release

.PHONY: bench
bench: ## measure orders (PEERS=DIR: and other engines beside it); about five minutes
	@deploy/step 'Install what is missing' deploy/setup
	@deploy/step 'Measure' tests/bench/run
	@if command -v valgrind >/dev/null; then \
	  deploy/step 'Count the instructions of an order' tests/bench/instructions; \
	else \
	  echo 'valgrind is not installed: the instructions of an order are not counted'; \
	fi

.PHONY: soak
soak: ## load for SOAK_MINUTES (30), then compare journal, rows and topic
	@deploy/step 'Install what is missing' deploy/setup
	@deploy/step 'Soak' tests/bench/soak

.PHONY: storm
storm: ## 125 blows (INSTANCES_KILLS) to three instances, then compare everything; a quarter of an hour
	@deploy/step 'Install what is missing' deploy/setup --tests
	@deploy/step 'Build orders' cargo build $(locked) --workspace --bin orders
	@INSTANCES_KILLS=$${INSTANCES_KILLS:-125} TAKEAWAY_MAIL_HEAP=1g deploy/step 'Storm' \
	  cargo test $(locked) --workspace --test instances -- --nocapture

.PHONY: check
check: ## formatting, lints and, where cargo-deny is installed, dependencies
	@deploy/step 'Check the formatting' cargo fmt --all --check
	@deploy/step 'Lint' cargo clippy $(locked) --workspace --all-targets -- -D warnings
	@if command -v cargo-deny >/dev/null; then \
	  deploy/step 'Check the dependencies' cargo deny check bans licenses sources; \
	else \
	  echo 'cargo-deny is not installed: dependencies not checked (make deny installs it)'; \
	fi

# Advisories are left out: their database cannot be fetched where there is no network.
.PHONY: deny
deny: ## install cargo-deny if need be and check licences and sources of the dependencies
	@[[ "$$(cargo deny --version 2>/dev/null)" == 'cargo-deny $(cargo_deny)' ]] || \
	  deploy/step 'Install cargo-deny' cargo install --locked cargo-deny@$(cargo_deny)
	@deploy/step 'Check the dependencies' cargo deny check bans licenses sources
