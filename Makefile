# The two commands of the README, and what else is worth typing. Each target is complete on a fresh
# Debian 12 machine with only make and git: tools/install-packages adds what it needs, and says so.
# Everything is built in build/<preset> (CMakePresets.json).

SHELL := /bin/bash
MAKEFLAGS += --no-print-directory
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
DESTDIR ?=
FUZZ_SECONDS ?= 60
SIM_SECONDS ?= 120
SIM_FIRST ?= 1
SOAK_SECONDS ?= 7200

# What `make check` does after `make test`, in this order: the cheap ones first. .ci/run asks for
# this list with `make list-checks`, so that it is written once.
CHECKS := check-format check-layers check-model check-instructions check-demo check-sim check-clang check-tidy check-asan check-tsan check-fuzz

packages = @tools/install-packages
configure = cmake --preset $(1) --log-level=WARNING
compile = cmake --build --preset $(1) --parallel $(JOBS)

.DEFAULT_GOAL := help
.PHONY: help demo soak test build check list-checks $(CHECKS) install bench bench-quick bench-states bench-states-quick bench-docs bench-run bench-compare fuzz coverage format clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

demo: build ## kill a writer again and again, and compare: ARGS="..." goes to `forelog demo`
	build/release/bin/forelog demo $(ARGS)

test: ## build, and run every test
	$(packages) build test
	$(call configure,dev)
	$(call compile,dev)
	tools/run-tests dev --parallel $(JOBS)

build: ## the optimised program: build/release/bin/forelog
	$(packages) build
	$(call configure,release)
	$(call compile,release) --target forelog_program

check: test ## all that CI runs: test, then format, layers, clang, clang-tidy, sanitizers, fuzzers
	@set -e; for check in $(CHECKS); do echo "── $$check"; $(MAKE) $$check; done

list-checks:
	@echo $(CHECKS)

check-format:
	$(packages) check
	tools/check-format

check-layers:
	tools/check-layers --self-test
	tools/check-layers

check-instructions: ## what the hot paths cost in instructions, against what is kept in bench/hot_path
	$(packages) build check
	$(call configure,release)
	$(call compile,release) --target forelog_hot_path
	tools/check-instructions build/release/bin/forelog_hot_path

check-demo:
	$(MAKE) demo

# clang's own warnings, -Wthread-safety among them, with NDEBUG as in a release. The tests and the
# fuzzers get them in check-asan and check-fuzz, which clang compiles too.
check-clang:
	$(packages) build test check
	$(call configure,tidy)
	$(call compile,tidy) --target forelog_shared forelog_static forelog_program forelog_sim \
	  forelog_bench example_first

check-model:
	$(packages) build check
	tools/check-model

check-sim: ## simulated worlds for two minutes (SIM_SECONDS), from seed 1 (SIM_FIRST)
	$(packages) build test
	$(call configure,dev)
	$(call compile,dev) --target forelog_sim
	build/dev/bin/forelog_sim --first $(SIM_FIRST) --seconds $(SIM_SECONDS)

soak: ## simulated worlds for hours (SOAK_SECONDS), each time from another seed
	$(MAKE) check-sim SIM_SECONDS=$(SOAK_SECONDS) SIM_FIRST=$$(date +%s)000

check-tidy:
	$(packages) build test check
	$(call configure,tidy)
	tools/check-tidy build/tidy $(JOBS)

check-asan:
	$(packages) build test check
	$(call configure,asan)
	$(call compile,asan)
	tools/run-tests asan --parallel $(JOBS)

# One test at a time, since threads that wait for a processor meet each other less; and each twenty
# times, since they meet elsewhere each time.
check-tsan:
	$(packages) build test check
	$(call configure,tsan)
	$(call compile,tsan) --target concurrent_tests
	tools/run-tests tsan --repeat until-fail:20

# A minute for each fuzzer; FUZZ_SECONDS changes it.
check-fuzz:
	$(packages) build check
	$(call configure,fuzz)
	$(call compile,fuzz) --target fuzzers
	tools/run-fuzzers build/fuzz $(or $(FUZZ_SECONDS),60) $(JOBS)

install: ## library, headers and program, to PREFIX (/usr/local) below DESTDIR
	$(packages) build
	$(call configure,release) -DCMAKE_INSTALL_PREFIX="$(PREFIX)"
	$(call compile,release)
	DESTDIR="$(DESTDIR)" cmake --install build/release
	@[ -n "$(DESTDIR)" ] || echo "If programs do not find libforelog.so yet: run ldconfig as root."

bench: ## compare with the disk's limit and with six peers, and report: ARGS="..." goes to forelog_bench
	$(MAKE) bench-run NAME=$(if $(ARGS),part,full)

bench-quick: ## the same, in 3 short rounds
	$(MAKE) bench-run NAME=quick ARGS="--quick $(ARGS)"

bench-states: ## states that survive: updates beside a bare log's, pauses, reopening
	$(MAKE) bench-run NAME=states ARGS="--only states- $(ARGS)"

bench-states-quick: ## the same, in 3 short rounds and small
	$(MAKE) bench-run NAME=states-quick ARGS="--only states- --quick $(ARGS)"

bench-docs: ## take the last `make bench` and `make bench-states` into docs/performance.md
	$(packages) bench
	tools/bench-report --docs $(wildcard bench/results/full.json bench/results/states.json)

# NAME: of the results, bench/results/NAME.json, with NAME/report.md. A run with ARGS is a part of one, and
# does not take the place of the last full one.
bench-run:
	$(packages) build bench
	$(call configure,bench)
	$(call compile,bench) --target forelog_bench
	mkdir -p bench/results
	build/release/bin/forelog_bench --json bench/results/$(NAME).json $(ARGS)
	@echo "The report, with plots:"
	tools/bench-report bench/results/$(NAME).json

bench-compare: ## this tree against another commit, in turns: BASE=<commit> [TURNS=5] [ARGS="--only synced"]
	$(packages) build bench
	tools/bench-compare "$(BASE)" $(or $(TURNS),5) $(ARGS)

fuzz: ## run every fuzzer for FUZZ_SECONDS (600) each
	$(MAKE) check-fuzz FUZZ_SECONDS=$(or $(FUZZ_SECONDS),600)

coverage: ## run the tests, and write build/coverage/report/index.html
	$(packages) build test coverage
	$(call configure,coverage)
	$(call compile,coverage)
	find build/coverage -name '*.gcda' -delete
	tools/run-tests coverage --parallel $(JOBS)
	mkdir -p build/coverage/report
	gcovr --root . --filter src/ --filter include/ --exclude '.*_test\.cc' build/coverage \
	  --exclude-throw-branches --html-details build/coverage/report/index.html --print-summary

format: ## apply clang-format to every source file
	$(packages) check
	tools/check-format --fix

clean: ## remove build/
	rm -rf build
