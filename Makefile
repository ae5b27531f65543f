# What a fresh clone needs first: `make image` and `make test` set everything up by themselves.
# Needs make, npm and any Node from 20 on; Node 24, which runs Osmith, comes with `npm ci`.

export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

.PHONY: help setup image test test-all lint lint-code lint-format lint-types format docs bench clean

help:
	@echo 'make image    set up, build the default system into out/, boot it'
	@echo 'make test     set up, lint, check types, run the tests'
	@echo 'make test-all the same, and what takes too long for every run'
	@echo 'make setup    install the dependencies and what the host lacks'
	@echo 'make bench    measure side by side with mmdebstrap, and live updates (BENCH=--help)'
	@echo 'make lint | format | docs | clean'

setup: node_modules/.package-lock.json
	@./osmith doctor --fix --quiet

# npm writes this file at the end of an installation.
node_modules/.package-lock.json: package-lock.json
	@command -v npm >/dev/null || { echo 'npm is missing: install Node 20 or newer with npm' >&2; exit 2; }
	npm ci --no-fund --no-audit
	@touch $@

image: setup
	./osmith build
	./osmith vm --until-up

# Tests compare with the system's programs. Those of version managers are others, and some take ten times as long to start.
SYSTEM_FIRST := PATH="$(CURDIR)/node_modules/.bin:/usr/sbin:/usr/bin:$(PATH)"

test: setup lint
	@test/install-tools.sh
	@$(SYSTEM_FIRST) vitest run --project unit --project e2e --reporter=default --reporter=./test/summary-reporter.ts

# All distributions, and what else takes too long for every run.
test-all: export OSMITH_TEST = all
test-all: test

lint: lint-code lint-format lint-types

lint-code: node_modules/.package-lock.json
	eslint .

lint-format: node_modules/.package-lock.json
	prettier --check --log-level warn .

lint-types: node_modules/.package-lock.json
	tsc --noEmit

format: node_modules/.package-lock.json
	prettier --write --log-level warn .
	eslint --fix .

# The pages on options, from the schema of the workspace.
docs: node_modules/.package-lock.json
	node src/config/docs/write.ts

bench: setup
	node bench/run.ts $(BENCH)
	node bench/compose.ts
	node bench/live.ts

clean:
	rm -rf out out.old-*
