# `make help` lists the targets. Each installs the packages that it needs.

.DEFAULT_GOAL := help
.PHONY: help up test test-phase0 test-phase1 test-phase2 test-phase3 test-phase4 test-tsan mutants unit gate fuzz bench soak suites release format format-check setup clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## two PostgreSQL branches behind one port, until Ctrl-C (PORT=5432)
	@scripts/setup.sh up
	@PORT=$(PORT) scripts/up.sh

test: ## set-up, format check, build, all suites, the gate with one round (ROUNDS=1), systemd
	@scripts/test.sh

test-phase0: ## phase 0: the protocol, two branches behind one port, the gate
	@scripts/test.sh phase0

test-phase1: ## phase 1: the gateway as a library, a program and a service
	@scripts/test.sh phase1

test-phase2: ## phase 2: branches, and a route map that follows them
	@scripts/test.sh phase2

test-phase3: ## phase 3: the API, and the page in a browser
	@scripts/test.sh phase3

test-phase4: ## phase 4: strangers at the port, limits, the ends of connections, TLS, monitoring
	@scripts/test.sh phase4

test-tsan: ## the gateway's suites under Thread Sanitizer, with a build of their own (ARGS='--filter ListenerTests')
	@scripts/setup.sh test
	@scripts/tsan.sh $(ARGS)

mutants: ## break the gateway in many places, one by one, and report the test that noticed (ARGS=NAME)
	@scripts/setup.sh test
	@scripts/mutants.sh $(ARGS)

unit: ## the suites alone (ARGS='--filter RelayTests')
	@scripts/setup.sh test
	@scripts/compat-setup.sh
	@scripts/build-release.sh >/dev/null
	@swift test $(ARGS)

gate: ## the whole compatibility gate: 20 rounds, release build, writes Compat/RESULTS.md
	@scripts/setup.sh test
	@scripts/gate.sh $(ARGS)

fuzz: ## five fuzzers, ten minutes each, with their coverage (SECONDS_EACH=60, AT_ONCE=2)
	@scripts/setup.sh up
	@scripts/fuzz.sh

bench: ## the gateway beside nginx, HAProxy, stunnel and a bare C relay (ARGS=--write for docs/benchmarks.md)
	@scripts/setup.sh bench
	@python3 Benchmarks/bench.py $(ARGS)

soak: ## a million connections and 10,000 route updates, then faults (ARGS='--part 50': a fiftieth; --write for Soak/RESULTS.md)
	@scripts/setup.sh soak
	@python3 Soak/soak.py $(ARGS)

suites: ## test suites of drivers and of PostgreSQL, direct and through the gateway (ARGS='--only psycopg2')
	@scripts/setup.sh suites
	@python3 Compat/Suites/results_test.py
	@Compat/Suites/suites.py $(ARGS)

release: ## dist/*.tar.gz with checksum, tested; only if the gate passed on these sources
	@scripts/setup.sh release
	@scripts/release.sh

setup: ## install missing packages
	@scripts/setup.sh test

format: ## format all Swift files
	@git ls-files -z -co --exclude-standard -- '*.swift' | xargs -0 swift format --in-place --parallel

format-check: ## fail if a file is not formatted
	@scripts/format-check.sh

clean: ## remove builds, environments and their results
	rm -rf .build .build-release .build-fuzz .build-compat .build-tsan .build-mutants dist
