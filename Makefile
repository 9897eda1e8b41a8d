# Thin: each target is one script, so that everything can be run without make too.
.PHONY: help check unit test e2e cluster cluster-down images demo demo-down bench-collect bench-profiles bench-sanitize bench-scale faults fuzz generate lock
.DEFAULT_GOAL := help

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

check: ## formatting, types, import layers, unit and contract tests
	tests/check

test: ## everything: check, then the end-to-end tests on a real cluster
	tests/all

e2e: ## only the end-to-end tests (ARGS="-k name" narrows them)
	tests/e2e/run $(ARGS)

faults: ## the fault tests in full: 20 random kills, long outages (ARGS="-k name" narrows them)
	tests/e2e/faults/run $(ARGS)

cluster: ## start the test cluster, or the parts of it that are down
	tests/cluster/up

cluster-down: ## stop the test cluster and leave nothing behind
	tests/cluster/down

images: ## build the images and hand them to the cluster
	tests/cluster/images

demo: ## cluster, operator, workload, a real bundle; then where to look
	tests/demo/up

demo-down: ## remove what `make demo` made
	tests/demo/down

bench-collect: ## apply to Ready of 24 big logs beside a bare reader (ARGS="--pods N --bytes N")
	tests/bench/collect/run $(ARGS)

bench-profiles: ## how far apart the CPU profiles of 24 pods begin
	tests/bench/profiles/run $(ARGS)

bench-sanitize: ## recall, precision and throughput of the sanitizer, beside bare tools on the same bytes
	tests/bench/sanitize/run

bench-scale: ## an operator among 10,000 finished bundles (ARGS="--bundles N"), or with 1,000 that begin (ARGS="--at-once 1000")
	tests/bench/scale/run $(ARGS)

fuzz: ## ten minutes of mutated documents through the sanitizer (ARGS="MINUTES SEED")
	tests/fuzz/run $(ARGS)

generate: ## write the chart's capabilities and docs/collectors.md from the collectors
	tests/generate

lock: ## renew the lock files
	tests/lock
