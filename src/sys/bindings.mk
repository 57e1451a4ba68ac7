# SPDX-License-Identifier: GPL-2.0-only
#
# Makes the private bindings of the device-mapper layer. Included by the Kbuild
# file of every module that is built on src/sys, src/dm and src/kern.
#
# In:  layer   path of the project's top folder, relative to $(src)
#      crate   the module's root object, relative to $(obj), without .o
# The crate finds the folder of layer_generated.rs in SPARE_BINDINGS_DIR.

# bindgen reads C through libclang. When the kernel is compiled with gcc, the
# options that clang does not know are left out.
layer-gcc-only := -mno-fp-ret-in-387 -mpreferred-stack-boundary=% \
	-mskip-rax-setup -mgeneral-regs-only -msign-return-address=% \
	-mindirect-branch=% -mindirect-branch-register -mfunction-return=% \
	-mrecord-mcount -mabi=lp64 -mindirect-branch-cs-prefix \
	-mstack-protector-guard% -mtraceback=no -mno-pointers-to-nested-functions \
	-mno-string -mno-strict-align -mstrict-align -mdirect-extern-access \
	-mexplicit-relocs -mno-check-zero-division -fconserve-stack \
	-falign-jumps=% -falign-loops=% -femit-struct-debug-baseonly \
	-fno-ipa-cp-clone -fno-ipa-sra -fno-partial-inlining \
	-fplugin-arg-arm_ssp_per_task_plugin-% -fno-reorder-blocks \
	-fno-allow-store-data-races -fasan-shadow-offset=% \
	-fzero-call-used-regs=% -fno-stack-clash-protection \
	-fno-inline-functions-called-once -fsanitize=bounds-strict \
	-fstrict-flex-arrays=% -fmin-function-alignment=% \
	-fzero-init-padding-bits=% -mno-fdpic -fdiagnostics-show-context \
	-fdiagnostics-show-context=% --param=% --param asan-% \
	-fno-isolate-erroneous-paths-dereference -ffixed-r2 -mmultiple \
	-mno-readonly-in-sdata

layer-target-x86 := x86_64-linux-gnu
layer-target-arm64 := aarch64-linux-gnu
layer-target-arm := arm-linux-gnueabi
layer-target-loongarch := loongarch64-linux-gnusf
layer-target-s390 := s390x-linux-gnu
layer-target-powerpc := powerpc64le-linux-gnu
layer-target-riscv := riscv64-linux-gnu
layer-target-i386 := i386-linux-gnu
layer-target-um = $(layer-target-$(SUBARCH))

layer-c-flags = $(if $(CONFIG_CC_IS_CLANG),$(c_flags),$(filter-out \
	$(layer-gcc-only),$(c_flags)) --target=$(layer-target-$(SRCARCH))) -w

# The headers of User-mode Linux draw this warning by themselves.
ccflags-$(CONFIG_UML) += $(call cc-option,-Wno-null-pointer-arithmetic)

quiet_cmd_layer_bindgen = BINDGEN $@
      cmd_layer_bindgen = $(BINDGEN) $< --rust-target 1.85 --use-core \
	--with-derive-default --ctypes-prefix ffi --no-layout-tests \
	--no-debug '.*' --no-doc-comments --enable-function-attribute-detection \
	--no-recursive-allowlist \
	--allowlist-file '.*/include/linux/device-mapper\.h' \
	--allowlist-file '(.*/)?include/shim\.h' \
	--allowlist-var 'SHIM_.*' \
	--allowlist-function 'crc32c' \
	--allowlist-function 'kthread_(stop_put|should_stop)' \
	--blocklist-function dm_early_create \
	-o $@ -- $(filter-out $(CC_FLAGS_LTO),$(layer-c-flags)) \
	-fno-builtin -D__BINDGEN__ -DMODULE

$(obj)/layer_generated.rs: $(src)/$(layer)/include/bindings_helper.h \
		$(src)/$(layer)/include/shim.h FORCE
	$(call if_changed_dep,layer_bindgen)

targets += layer_generated.rs
clean-files += layer_generated.rs

$(obj)/$(crate).o: $(obj)/layer_generated.rs
$(obj)/$(crate).o: export SPARE_BINDINGS_DIR := $(abspath $(obj))

# make M=... LAYER_RUSTDOC=1: the documentation of the crate, in $(obj)/doc.
quiet_cmd_layer_rustdoc = RUSTDOC $@
      cmd_layer_rustdoc = OBJTREE=$(abspath $(objtree)) RUST_MODFILE=$(modfile) \
	$(RUSTDOC) $(filter-out --remap-path-prefix=% --remap-path-scope=%,$(rust_flags)) \
	-Zallow-features=$(rust_allowed_features) -Zcrate-attr=no_std \
	-Zcrate-attr='feature($(rust_allowed_features))' -Zunstable-options \
	--extern pin_init --extern kernel --extern zerocopy \
	--extern zerocopy_derive -L $(objtree)/rust/ --sysroot=/dev/null \
	--crate-name $(basename $(notdir $(crate))) --output $(obj)/doc $< \
	&& touch $@

$(obj)/rustdoc.stamp: export SPARE_BINDINGS_DIR := $(abspath $(obj))
$(obj)/rustdoc.stamp: $(src)/$(crate).rs $(obj)/layer_generated.rs FORCE
	$(call cmd,layer_rustdoc)

ifneq ($(LAYER_RUSTDOC),)
always-y += rustdoc.stamp
endif
clean-files += rustdoc.stamp doc
