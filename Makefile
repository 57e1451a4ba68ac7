# SPDX-License-Identifier: GPL-2.0-only
#
# What a person types. The kernel's own build reads Kbuild, never this file.

KDIR ?= /lib/modules/$(shell uname -r)/build
KERNEL ?= 7.3
INSTALL_MOD_PATH ?=
DESTDIR ?=
PREFIX ?= /usr/local
GUEST := tools/guest
cache := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/dm-spare

# RUSTC=, LLVM=, CC= and the like reach the kernel's build by themselves.
kbuild = $(MAKE) -C $(KDIR) M=$(CURDIR)
# Build folders of the cache are used inside the Debian 13 root that made them.
from_cache := $(filter $(cache)/%,$(abspath $(KDIR)))

.DEFAULT_GOAL := all
.PHONY: all install tools install-tools clean kdir guest demo check sim-mutants bench bench-index fmt lint help

all: ## build dm-spare.ko against KDIR (default: the running kernel's build folder)
	@$(GUEST)/check-kdir $(KDIR)
ifeq ($(from_cache),)
	$(kbuild) modules
else
	@folder=$$($(GUEST)/module --kdir $(KDIR)) && cp -v $$folder/dm-spare.ko $(CURDIR)/
endif

install: all ## install it for that kernel, below INSTALL_MOD_PATH if that is set
ifeq ($(from_cache),)
	$(kbuild) modules_install
else
	release=$$(cat $(KDIR)/include/config/kernel.release) && \
	install -D -m 644 dm-spare.ko $(INSTALL_MOD_PATH)/lib/modules/$$release/updates/dm-spare.ko && \
	depmod -b $(INSTALL_MOD_PATH)/ $$release
endif

tools: ## build sparectl, its man pages and completions into build/tools
	@tools/sparectl/build

install-tools: ## install them and the boot files below DESTDIR, with PREFIX=/usr/local
	@tools/sparectl/install "$(DESTDIR)" "$(PREFIX)"

clean: ## remove what builds left in this folder (the cache stays)
	rm -rf build .tmp_* Module.symvers modules.order .Module.symvers.cmd .modules.order.cmd
	find Kbuild src tests tools -name target -prune -o \( -name '*.o' -o -name '*.ko' -o -name '*.mod' \
		-o -name '*.mod.c' -o -name '.*.cmd' -o -name '.*.d' -o -name '*_generated.rs' \
		-o -name '*.rmeta' -o -name 'modules.order' -o -name '__pycache__' \) -exec rm -rf {} +
	rm -f *.o *.ko *.mod *.mod.c .*.cmd

kdir: ## make a Rust-enabled build folder for Debian's kernel KERNEL=7.3|7.2, print KDIR
	@$(GUEST)/kernel stock-$(KERNEL)

guest: host ## a shell in a guest: insmod /modules/dm-spare.ko and play
	@$(GUEST)/module uml-debug >/dev/null
	@$(GUEST)/run uml-debug --interactive --disk 256M --disk 64M -- /bin/bash -l

# What the Python tools themselves need of this machine.
.PHONY: host
host:
	@$(GUEST)/host

demo: host ## a failing disk is mended, and files are stored once, while you watch
	@tools/demo/run

check: host ## every test, from nothing
	@tools/check

sim-mutants: host ## every seeded bug of the engine must be caught by the simulator
	@$(GUEST)/mutants

bench: host ## both modes beside dm-linear and dm-vdo; writes build/bench/remap.json, dedup.json
	@tools/bench/run

bench-index: ## the deduplication index on a file in memory, beside UDS; writes build/bench/index.json
	@mkdir -p build/bench
	@$(GUEST)/index-bench --two-zones --folder build/bench

fmt: ## format all Rust
	@tools/format

lint: ## every check that needs no kernel to run
	@tools/lint

help: ## this list
	@awk -F ':[^#]*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
