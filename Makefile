# Everything that is done with this tree, by name. Each target calls cargo or one script; what
# a target needs on the machine, its script installs or asks for.

# `make install` follows the usual variables; DESTDIR is for packages.
DESTDIR ?=
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
# The engine to install: built by `make engine`, or brought along prebuilt.
ENGINE ?= target/release/falco-engine

.DEFAULT_GOAL := help
.PHONY: help run run-node test test-runtimes stress test-ebpf test-kernel test-debug-kernel bench bench-kernel \
	bench-ebpf engine kmod ebpf ebpf-check node install uninstall dkms-install \
	dkms-uninstall deb \
	fmt lint clean

help: ## Show what there is
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

run: ## Build everything and show an alert from a container: here by eBPF, else as run-node does
	@if tests/live.sh --possible && tests/live.sh; then :; else tests/node/demo.sh; fi

run-node: ## The same with the module: boot the virtual node and show an alert from a container
	@tests/node/demo.sh

test: ## Check and test everything; the last line says how many passed
	@tests/run.sh

test-runtimes: engine ## Start containers with the runtimes of this machine, and check all alerts (FLOOD=NUMBER)
	cargo build --locked --package falco-engine --example cri-pod
	@tests/runtimes.sh

# Seconds for which `make stress` makes calls.
SOAK ?= 600
# Of what suite of Debian's the kernel is that `make test-kernel` takes.
KERNEL_SUITE ?= experimental

stress: ## Stress the module in the virtual node for ten minutes (SOAK=SECONDS)
	@SOAK='$(SOAK)' tests/kernel.sh node stress

test-ebpf: ## Test the eBPF programs with the kernel of the virtual node
	@tests/kernel.sh node ebpf scenario-ebpf

test-kernel: ## Test the module with another kernel of Debian's (KERNEL_SUITE=SUITE)
	@tests/kernel.sh '$(KERNEL_SUITE)' fast stress

test-debug-kernel: ## Test the module with a kernel that looks for mistakes (an hour for the first time)
	@SOAK='$(SOAK)' tests/kernel.sh debug fast stress

bench: bench-ebpf bench-kernel ## Measure the engine, and in the virtual node what a system call costs
	cargo bench --workspace

bench-kernel: ## Measure what system calls cost in the virtual node, and how soon an alert is there
	@tests/cost.sh
	@tests/latency.sh

bench-ebpf: ## Measure what system calls cost on this machine while eBPF programs watch
	@packaging/build.sh --example syscall_cost
	@FALCO_SCAP_OPEN="$$(tests/falco-ebpf.sh)" target/release/examples/syscall_cost native

engine: ## Build falco-engine
	@packaging/build.sh

kmod: ## Build falco_kmod, for this kernel or else for that of the virtual node
	@kmod/build.sh

ebpf: ## Build the eBPF programs that the engine embeds, into ebpf/prebuilt
	@ebpf/build.sh

ebpf-check: ## Build them once more, and compare what comes out with ebpf/prebuilt
	@ebpf/build.sh --check

node: ## Build the virtual node
	@tests/node/build.sh

install: ## Install the engine, its rules, its configuration and its unit
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' SYSCONFDIR='$(SYSCONFDIR)' UNITDIR='$(UNITDIR)' \
		ENGINE='$(ENGINE)' packaging/install.sh

uninstall: ## Remove what `make install` installed; changed configuration stays
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' SYSCONFDIR='$(SYSCONFDIR)' UNITDIR='$(UNITDIR)' \
		packaging/install.sh --remove

dkms-install: ## Give falco_kmod to DKMS, which builds it for every kernel
	@packaging/dkms.sh

dkms-uninstall: ## Take falco_kmod back from DKMS
	@packaging/dkms.sh --remove

deb: engine ## Build the Debian packages, in target/debian
	@ENGINE='$(ENGINE)' packaging/deb.sh

fmt: ## Format the Rust code
	cargo fmt --all

lint: ## Look for mistakes without running anything
	@tests/run.sh --lint

clean: ## Remove what was built here (the virtual node is kept in the cache)
	cargo clean
