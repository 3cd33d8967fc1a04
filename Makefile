# The commands of this repository. Each does its own set-up and can be run first on a fresh machine.

.DEFAULT_GOAL := help
.PHONY: help demo test check check-deep conformance conformance-mutants fuzz soak bench generate format

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-19s %s\n", $$1, $$2 }' Makefile

demo: ## two sessions exchange messages and a file, in Python, C and Rust (TLS=1 or TLS=fingerprint: over TLS; RELAY=1: through a relay)
	@scripts/demo.sh

test: ## all tests: Rust, C, Python, and the demo
	@scripts/test.sh

check: ## quick checks: format, lints, pure layers, docs, drift, types, C warnings, sanitizers
	@scripts/check.sh

check-deep: ## slow checks: mutants, valgrind, loom, long property tests, exit stress, Miri
	@scripts/check_deep.sh

conformance: ## all tests, then the table of the RFC lines that they have seen hold
	@scripts/test.sh --write-coverage

conformance-mutants: ## switch on faults one by one, and see that the tests find them
	@scripts/mutants.sh

fuzz: ## fuzz every parser and a whole connection (SECONDS=60 each)
	@scripts/fuzz.sh $(SECONDS)

soak: ## sessions come and go over TCP and TLS, nothing lost, nothing left (MINUTES=10)
	@scripts/soak.sh --minutes $(or $(MINUTES),10)

bench: ## measure throughput and latency
	@scripts/bench.sh

generate: ## rewrite what is generated from the sources and committed: the C header
	@scripts/generate.sh

format: ## format Rust and Python sources
	@scripts/format.sh
