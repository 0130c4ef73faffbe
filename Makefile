# The verbs of the project. SwiftPM builds everything; this file adds what SwiftPM cannot do:
# install what is missing, pack images, start the emulator. `make help` lists the verbs.

BOARD ?= virt
CORES ?= 1
TEST ?= all
ROWS ?= all
STATES ?= 500000
CORE ?= 0
MINUTES ?= 2

SWIFT := swift
BUILD := $(SWIFT) build --explicit-target-dependency-import-check error
HOST := $(BUILD) --scratch-path .build
TARGET := SWIFTLET_TARGET=aarch64 $(BUILD) -c release --triple aarch64-none-none-elf \
          --toolset platform/aarch64.json
PLAIN := $(TARGET) --scratch-path .build-aarch64
# Optimised, since it takes millions of steps; it looks into the kernel as the tests do.
EXPLORER_BUILD := SWIFTLET_EXPLORER=1 $(BUILD) -c release --scratch-path .build-explorer \
                  -Xswiftc -enable-testing -Xswiftc -cross-module-optimization --product Explorer
EXPLORER := .build-explorer/release/Explorer
# A kernel that records the longest path with interrupts masked, and when an interrupt entered it.
RECORDING := SWIFTLET_BENCHMARK=1 $(TARGET) --scratch-path .build-aarch64-bench
BIN := .build-aarch64/aarch64-none-none-elf/release
BIN_RECORDING := .build-aarch64-bench/aarch64-none-none-elf/release
TOOL := .build/debug/swiftlet
# All boards have one image, with the tasks of all: which of them start, the device tree says.
MANIFESTS := platform/system.toml platform/*/system.toml
TASKS := $(shell sed -n 's/^binary = "\(.*\)"/\1/p' $(MANIFESTS) | sort -u)
BOARDS := virt rpi3 rpi4
SOURCES := Package.swift Sources Tests

ifeq ($(filter output-sync,$(.FEATURES)),)
$(error error: GNU make 4 or newer is needed, this is $(MAKE_VERSION))
endif
ifneq ($(words $(filter $(BOARDS),$(BOARD))),1)
$(error error: no board $(BOARD): there are $(BOARDS))
endif
# SwiftPM is parallel by itself; two verbs at once would write the same files.
.NOTPARALLEL:

NUISANCES := nuisance-card nuisance-console nuisance-power nuisance-flood nuisance-options \
             nuisance-messages nuisance-broken nuisance-broken-serial nuisance-broken-names \
             nuisance-broken-endless nuisance-broken-mute

.DEFAULT_GOAL := help
.PHONY: $(NUISANCES) help deps toolchain tool build tests-bundle bench-image system-tests-image \
        test-images run test test-host explorer explore explore-faults test-target test-cores stress \
        test-system test-lock test-trees test-firmware test-debian-trees test-boards test-verbs \
        matrix mutation bench debug wcet lint format interface-pages size clean

help: ## List the verbs
	@sed -e ':more' -e '/\\$$/{N; s/\\\n *//; b more' -e '}' $(MAKEFILE_LIST) | \
	  sed -n 's/^\([a-z-]*\):.*## /\1\t/p' | awk -F'\t' '{ printf "  make %-17s %s\n", $$1, $$2 }'

# The methods of services, by which manifests name rights.
METHODS := build/methods.toml
system_bundle = $(TOOL) bundle --root build/tasks/RootTask.elf --platform $(1) --methods $(METHODS) \
                $(foreach task,$(TASKS),--entry $(task)=build/tasks/$(task).stripped)
SYSTEM_BUNDLE := $(call system_bundle,platform)
# The system with the tasks of the folder $(3), whose binary is $(1), in the image $(2).
test_tasks = @cp $(BIN)/$(1) build/tasks/$(1).elf && $(TOOL) mark-traps build/tasks/$(1).elf && \
  llvm-objcopy --strip-all build/tasks/$(1).elf build/tasks/$(1).stripped && \
  $(SYSTEM_BUNDLE) --tasks $(3)/$(1)/system.toml \
    --entry $(1)=build/tasks/$(1).stripped -o build/$(2).bundle && \
  $(TOOL) image --kernel build/kernel.elf --bundle build/$(2).bundle -o build/$(2).img

# BUILT=yes takes what was built before, as it is: the steps of `make test` run side by side.
ifdef BUILT
toolchain deps tool build system-tests-image tests-bundle: ;
else
toolchain:
	@platform/check-toolchain $(SWIFT)
	@platform/check-checkout

# What the compiler loads to generate clients and servers from the protocols of services. SwiftPM
# does not see that it changed, so what it generates from is told as changed.
MACROS := build/macros/libInterfaceMacros.so
$(MACROS): $(wildcard Sources/Tools/InterfaceMacros/*.swift Sources/Tools/InterfacePages/*.swift)
	@echo "building the generator of service interfaces"
	@platform/build-macros $(SWIFT) build/macros
	@touch Sources/User/Interfaces/*.swift

$(METHODS): $(MACROS) $(wildcard Sources/User/Interfaces/*.swift)
	@build/macros/interface-pages Sources/User/Interfaces --methods $@

deps: toolchain $(MACROS) $(METHODS) ## Install what a build, a run and the tests need (Debian; as root or through sudo)
	@platform/install-dependencies

tool: deps
	@set -o pipefail; $(HOST) --product swiftlet 2>&1 | \
	  { grep -vE 'Source files for target|^\[|not used by any target' || true; }

build: tool ## Build kernel and tasks, and pack build/kernel8.img, for all boards
	@echo "building kernel and tasks"
	@$(PLAIN)
	@mkdir -p build/tasks
	@cp $(BIN)/KernelImage build/kernel.elf
	@for task in $(TASKS) RootTask; do cp $(BIN)/$$task build/tasks/$$task.elf; done
	@$(TOOL) mark-traps $(patsubst %,build/tasks/%.elf,$(TASKS) RootTask)
	@cd build/tasks && for task in $(TASKS) RootTask; do \
	  llvm-objcopy --strip-all $$task.elf $$task.stripped; done
	@$(SYSTEM_BUNDLE) -o build/system.bundle
	@$(TOOL) image --kernel build/kernel.elf --bundle build/system.bundle -o build/kernel8.img
	@sha256sum build/kernel8.img

# The same system, with one more driver that takes what is not its own; with tasks that do what
# a task must not do; and with tasks that put the supervision to the test.
system-tests-image: build $(NUISANCES)
	@cp $(BIN)/Intruder build/tasks/Intruder.elf
	@$(SYSTEM_BUNDLE) --tasks Tests/OnTarget/Intruder/system.toml \
	  --entry Intruder=build/tasks/Intruder.elf -o build/intruder.bundle
	@$(TOOL) image --kernel build/kernel.elf --bundle build/intruder.bundle -o build/intruder.img
	$(call test_tasks,Culprit,culprit,Tests/OnTarget)
	$(call test_tasks,Hog,hog,Tests/OnTarget)
	$(call test_tasks,Exchange,exchange,Tests/OnTarget)
	$(call test_tasks,EarliestDeadline,deadlines,Sources/Examples)

# The same system with ordinary tasks that try to harm the others: what a folder of
# Tests/OnTarget/Nuisance adds to the platform's, and what its `edit.sed` changes there.
$(NUISANCES): nuisance-%: build
	@rm -rf build/$@ && cp -r platform build/$@
	@cd Tests/OnTarget/Nuisance/$* && \
	  find . -name system.toml -exec sh -c 'cat {} >> $(CURDIR)/build/$@/{}' ';' && \
	  if [ -f edit.sed ]; then \
	    sed -n 's,^s/\(.*\)/.*/$$,\1,p' edit.sed | while read -r line; do \
	      grep -rq --include=system.toml "$$line" $(CURDIR)/build/$@ || { \
	        echo "error: $*/edit.sed: no system.toml has a line $$line"; exit 1; }; \
	    done && \
	    find $(CURDIR)/build/$@ -name system.toml -exec sed -i -f edit.sed {} ';'; fi
	@llvm-objcopy --strip-all $(BIN)/Nuisance build/tasks/Nuisance.stripped
	@$(call system_bundle,build/$@) --entry Nuisance=build/tasks/Nuisance.stripped -o build/$@.bundle
	@$(TOOL) image --kernel build/kernel.elf --bundle build/$@.bundle -o build/$@.img

# The test task in place of the root task. It comes beside kernel8.img, so that what is tested is
# what is flashed.
tests-bundle: build
	@cp $(BIN)/TargetTests build/tasks/TargetTests.elf
	@$(TOOL) bundle --root build/tasks/TargetTests.elf -o build/tests.bundle
endif

test-images: tests-bundle system-tests-image

run: build ## Boot on QEMU (BOARD=rpi3 or rpi4 for another board; CORES=4 for more cores; \
           RUN='ps; poweroff' runs shell commands and exits with the system's status)
	@[ '$(BOARD)' != rpi4 ] || platform/fetch-qemu
	@$(TOOL) run build/kernel8.img --board $(BOARD) --cores '$(CORES)' \
	  $(if $(CARD),--card '$(CARD)') $(if $(RUN),--run '$(RUN)') $(if $(APPEND),--append '$(APPEND)')

test: ## All tests: host, target, system, trees and firmware under QEMU, the Raspberry Pi, \
      boot matrix, the verbs
	@Tests/steps

test-host: deps $(if $(filter all,$(TEST)),explorer) ## Tests on the host, and a short \
           exploration of the kernel (TEST=name filters the tests)
	@mkdir -p build
	@echo "building and running the host tests"
	@$(SWIFT) test --scratch-path .build $(if $(filter-out all,$(TEST)),--filter '$(TEST)') \
	  > build/test-host.log 2>&1; \
	  status=$$?; grep -E 'error:|failed' build/test-host.log | awk '!seen[$$0]++' | tail -40; \
	  platform/count-tests build/test-host.log > build/test-host.totals; \
	  if grep -qx '0 0' build/test-host.totals; then \
	    echo "error: no test ran; the build or the name $(TEST) is wrong: build/test-host.log"; \
	    exit 1; \
	  fi; \
	  awk '{ print "host tests: " $$1 " passed, " $$2 " failed" }' build/test-host.totals; \
	  exit $$status
	@$(if $(filter all,$(TEST)),$(EXPLORER) explore 20000 && $(EXPLORER) agree 100000)

explorer: deps
	@set -o pipefail; $(EXPLORER_BUILD) 2>&1 | { grep -E 'error:|warning:' || true; }

explore: explorer ## Enumerate all steps of small systems, and compare fast and general path \
         (STATES=n a system and in all)
	@$(EXPLORER) explore $(STATES)
	@$(EXPLORER) agree $(STATES)

explore-faults: deps ## Prove that the explorer notices faults in the paths between cores \
                (TEST=name plants one)
	@Tests/mutation/explorer.py $(if $(filter-out all,$(TEST)),'$(TEST)')

test-lock: ## Litmus tests of the kernel lock's instructions, on the Armv8 memory model
	@mkdir -p build
	@Tests/LockOrder/check build/test-lock.totals

test-target: tests-bundle ## Tests on the target under QEMU: virt, and the boards that it has \
             (TEST=name runs one; CORES=4)
	@platform/fetch-qemu
	@$(TOOL) test-target --test '$(TEST)' --cores '$(CORES)' --boards project \
	  --totals build/test-target.totals

test-cores: tests-bundle ## The same with four cores, by the host's clock (TEST=name runs one)
	@platform/fetch-qemu
	@$(TOOL) test-target --test '$(TEST)' --cores 4 --boards project \
	  --totals build/test-cores.totals

stress: tests-bundle ## Tests on cores that QEMU runs in parallel, with ever other random numbers \
        (CORES=4; left out: as many as the host has, 4 at most; MINUTES=2)
	@$(TOOL) stress $(if $(filter command line,$(origin CORES)),--cores '$(CORES)') \
	  --minutes '$(MINUTES)' --totals build/stress.totals

test-system: system-tests-image ## Tests of the whole system, at its console (TEST=name runs \
             those that start so)
	@$(TOOL) test-system Tests/OnTarget/system/*.txt README.md docs/reference/shell.md docs/own-core.md \
	  --test '$(TEST)' --totals build/test-system.totals \
	  $(foreach tasks,$(wildcard Tests/OnTarget/*/system.toml Sources/Examples/*/system.toml),--tasks $(tasks))

test-boards: tests-bundle system-tests-image ## The Raspberry Pi under QEMU: its drivers, its \
             card image, and Debian's trees
	@platform/install-dependencies trees card
	@platform/fetch-qemu
	@Tests/OnTarget/board-tests build/test-boards.totals

test-trees: tests-bundle ## Boot with device trees that are wrong in one place: refused in words, \
            or taken
	@Tests/OnTarget/tree-tests build/test-trees.totals

matrix: build ## Boot the same image under every QEMU variant
	@platform/install-dependencies trees
	@platform/fetch-qemu
	@$(TOOL) matrix --totals build/matrix.totals

test-firmware: tests-bundle ## Boot below firmware that leaves the machine as a kernel must not \
               expect it
	@Tests/OnTarget/firmware-tests build/test-firmware.totals

test-debian-trees: tool ## What the kernel would make of each device tree of Debian's arm64 kernel
	@platform/install-dependencies trees
	@Tests/debian-trees build/test-debian-trees.totals

test-verbs: build ## Tests of make's own verbs: help, errors, debug, symbols
	@Tests/verbs.sh build/test-verbs.totals

mutation: deps ## Prove that the host tests notice a broken kernel: mutations by a rule, and \
          planted faults (TEST=name runs one)
	@Tests/mutation/mutation.py $(filter-out all,$(TEST))

debug: build ## Boot stopped, with gdb attached to kernel and symbols (GDB='-batch -ex bt' \
       passes options)
	@[ '$(BOARD)' = virt ] || { echo "error: make debug is for BOARD=virt"; exit 1; }
	@command -v gdb-multiarch >/dev/null || { echo "error: no gdb-multiarch: run make deps"; exit 1; }
	@rm -f build/gdb.sock; \
	setsid qemu-system-aarch64 -machine virt,gic-version=2 -cpu cortex-a53 -m 256M \
	  -display none -nodefaults -serial file:build/debug.log \
	  -S -gdb unix:build/gdb.sock,server=on,wait=off $(if $(RUN),-append 'run="$(RUN)"') \
	  -kernel build/kernel8.img < /dev/null & \
	qemu=$$!; trap "kill $$qemu" EXIT; \
	until [ -S build/gdb.sock ]; do kill -0 $$qemu || exit 1; sleep 0.1; done; \
	echo "the console's text goes to build/debug.log"; \
	gdb-multiarch -q -iex 'set complaints 0' -iex 'set remotetimeout 60' build/kernel.elf \
	  -ex 'target remote build/gdb.sock' $(GDB)

lint: build ## Check format, the linked kernel and its static bounds, the tasks, and that books \
      and planted faults find their code
	@$(SWIFT) format lint --strict -r $(SOURCES)
	@! grep -rnE --include='*.swift' '^.{101,}' $(SOURCES) || { \
	  echo 'lint: these lines are longer than 100 columns'; exit 1; }
	@! grep -rn '_ = try?' Sources || { \
	  echo 'lint: a refusal is dropped: docs/book/3-interrupts-and-drivers.md, "Refusals"'; exit 1; }
	@$(TOOL) lint-elf build/kernel.elf \
	  $$(find $(BIN) -maxdepth 1 -type f -perm -u+x ! -name KernelImage | sort)
	@$(TOOL) wcet build/kernel.elf > build/wcet.txt || { cat build/wcet.txt; exit 1; }
	@platform/check-references
	@platform/check-rights
	@build/macros/interface-pages Sources/User/Interfaces docs/reference/services \
	  docs/reference/request-costs.txt --check
	@Tests/mutation/mutation.py --places
	@Tests/mutation/explorer.py --places

wcet: build $(if $(ENTRY),,bench-image) ## Bound the longest masked section of every kernel \
      entry, and measure it beside (ENTRY=name shows its path)
	@$(TOOL) wcet build/kernel.elf \
	  $(if $(ENTRY),--entry '$(ENTRY)',--recording build/bench-recording.elf)

bench-image: tool
	@echo "building benchmark, kernel, and the kernel that records its masked paths"
	@$(PLAIN) --product KernelImage
	@$(PLAIN) --product LatencyBenchmark
	@$(RECORDING) --product KernelImage
	@mkdir -p build
	@cp $(BIN)/KernelImage build/bench.elf
	@cp $(BIN_RECORDING)/KernelImage build/bench-recording.elf
	@$(TOOL) bundle --root $(BIN)/LatencyBenchmark -o build/bench.bundle
	@$(TOOL) image --kernel build/bench.elf --bundle build/bench.bundle -o build/bench.img
	@$(TOOL) image --kernel build/bench-recording.elf --bundle build/bench.bundle \
	  -o build/bench-recording.img

# The numbers of cores that the benchmark runs on, unless the command line says how many.
BENCH_CORES := $(if $(filter command line,$(origin CORES)),$(CORES),$(if $(filter virt,$(BOARD)),1 2 3 4,1 4))
BENCH_OUTPUT := build/bench$(if $(filter-out virt,$(BOARD)),-$(BOARD))
bench: bench-image ## Measure path lengths and latencies (ROWS=quick, or the beginning of rows' \
       names; BOARD=rpi3, rpi4; CORES=4; CORE=3 for what is measured); results go to build/bench, \
       build/bench-BOARD
	@platform/install-dependencies plot
	@[ '$(BOARD)' != rpi4 ] || platform/fetch-qemu
	@$(TOOL) bench build/bench.img --board '$(BOARD)' --rows '$(ROWS)' --cores '$(BENCH_CORES)' \
	  --core '$(CORE)' --output $(BENCH_OUTPUT)

clean: ## Remove everything that was built
	rm -rf .build .build-aarch64 .build-aarch64-bench .build-explorer build

format: toolchain ## Format the sources
	@$(SWIFT) format -i -r $(SOURCES)

interface-pages: $(MACROS) ## Write the reference pages of services from their protocols
	@build/macros/interface-pages Sources/User/Interfaces docs/reference/services \
	  docs/reference/request-costs.txt

size: build ## Sizes of kernel and tasks
	@$(TOOL) size build/kernel.elf build/tasks/*.elf

include platform/rpi.mk

SHELL := /bin/bash
