# Trinity's commands. Everything they need is installed or named by the commands themselves.

DATA ?= .data
CARGO ?= cargo
SECONDS ?= 300
ALL_IN_ONE := target/release/trinity-all-in-one

.PHONY: help up down test chaos lint bench clean-data

help: ## Shows this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## Builds and starts everything, loads and runs the worked example
	$(CARGO) build --release --bin trinity-all-in-one --bin trinity
	@$(ALL_IN_ONE) up --data $(DATA)

down: ## Stops everything; the data stays
	@if [ -x $(ALL_IN_ONE) ]; then $(ALL_IN_ONE) down --data $(DATA); else echo "nothing was built, so nothing runs"; fi

test: ## Runs every test beside a throw-away Postgres and Redis
	$(CARGO) build --workspace --bins --tests
	examples/python-worker/setup.sh
	target/debug/trinity-devstack exec -- $(CARGO) nextest run --workspace

chaos: ## Kills, stops and empties for SECONDS (300) while runs go on, then checks the books
	$(CARGO) build --workspace --bins
	target/debug/trinity-chaos --seconds $(SECONDS)

lint: ## Format, clippy with warnings denied, dependency rules
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) deny --log-level error check bans licenses sources

bench: ## Measures speed, as ratios within one run, and prints the table of docs/benchmarks.md
	$(CARGO) build --release --bin trinity-all-in-one --bin trinity-bench --bin engine-alone
	@target/release/trinity-bench

clean-data: down ## Stops everything and deletes the data
	@if [ -x $(ALL_IN_ONE) ]; then $(ALL_IN_ONE) remove --data $(DATA); fi
	rm -rf $(DATA)
