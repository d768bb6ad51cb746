# Quire.  `make run` shows a night of a 128 GB server; `make check` tests all.
#
# One non-recursive Makefile.  A flavour is a port, a set of flags and a folder
# build/FLAVOUR/ of objects; the templates at the end make the rules of each.
#
#   release       the library on the host port            (libquire.a)
#   model         the simulated server, optimised         (the quire program)
#   debug         the same under asan, ubsan and lock checks: tests
#   debug-host    the host port under asan and ubsan: its tests
#   tsan          the host port under tsan: the threaded tests
#   freestanding  core/ alone, without libc
#
#   make CC=clang ...   builds the same into build/clang/FLAVOUR/

CC       ?= gcc
ifeq ($(origin CC),default)
CC       := gcc
endif
CLANG    := $(findstring clang,$(CC))
B        := build$(if $(CLANG),/clang)
# A change of flags rebuilds: each flavour keeps a stamp of its command line.
WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
CSTD     := -std=gnu11 -fno-strict-aliasing -fno-common
CPPBASE  := -Icore -Iinclude -I. -MMD -MP

CFLAGS_release      := -O2 -g
# Link-time optimisation: 12 % of the night's user time (floors are many files).
# gcc 12 then takes the branch of long names for one that "/" reaches.
# `make LTO=` leaves it out: its link takes most of a rebuild's time.
LTO                 := -flto=auto -Wno-stringop-overread
# A saved machine is full of addresses of the program's code: it is always loaded
# at the same place, and has a number of its own.
CFLAGS_model        := -O2 -g -fno-pie $(if $(CLANG),,$(LTO))
LINK_model          := -no-pie -Wl,--build-id=sha1
CFLAGS_debug        := -O1 -g -DQUIRE_DEBUG -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
CFLAGS_debug-host   := $(CFLAGS_debug)
CFLAGS_tsan         := -O1 -g -DQUIRE_DEBUG -fsanitize=thread
# For LD_PRELOAD: what the core exports is the library's own, thread-local
# storage is in the static block, so that no access to it can call malloc().
CFLAGS_malloc       := -O2 -g -fPIC -fvisibility=hidden -ftls-model=initial-exec -fno-plt
CFLAGS_freestanding := -O2 -g -ffreestanding -nostdlib -fno-stack-protector -fno-pic -fno-pie
PORT_release := host
PORT_model := model
PORT_debug := model
PORT_debug-host := host
PORT_tsan := host
PORT_freestanding := model
PORT_malloc := host
FLAVOURS := malloc release model debug debug-host tsan freestanding

CORE    := $(sort $(wildcard core/*.c core/*/*.c))
HOST    := $(sort $(wildcard port/host/*.c))
MODEL   := $(sort $(wildcard port/model/*.c))
MACHINE := $(sort $(wildcard machine/*.c))
ORACLE  := $(sort $(wildcard oracle/*.c))
EXPLAIN := $(sort $(wildcard explain/*.c))
# The malloc: the lower floors, and of the host port the CPUs' lists.
MALLOC  := $(sort $(wildcard malloc/*.c)) port/host/percpu.c \
	$(sort $(wildcard core/base/*.c core/node/*.c core/page/*.c core/slab/*.c))
PROCFS  := $(sort $(wildcard procfs/*.c))
CLI     := $(sort $(wildcard cli/*.c))
# Tests: a folder a floor; those in host/ run on the host port, in tools/ they
# are scripts that run real programs on a model.
TESTLIB     := $(sort $(wildcard tests/lib/*.c))
TESTS_MODEL := $(filter-out tests/host/%,$(sort $(wildcard tests/*/test_*.c)))
TESTS_HOST  := $(sort $(wildcard tests/host/test_*.c))
TESTS_TOOLS := $(sort $(wildcard tests/tools/*.sh))
BENCH       := $(sort $(wildcard bench/bench_*.c))
BENCH_HOST  := $(sort $(wildcard bench/host/bench_*.c))

PKG_fuse  := -I/usr/include/fuse3 -D_FILE_OFFSET_BITS=64
CPP_procfs := $(PKG_fuse)
LIBS_model := -lcyaml -ljansson -lncurses -ltinfo -lyaml -llz4 -llzo2 -lzstd -lz -lfuse3 -lpthread -lm
LIBS_debug := $(LIBS_model)
LIBS_release := -lpthread
LIBS_debug-host := -lpthread
LIBS_tsan := -lpthread

.PHONY: all run check check-unit check-host check-tools check-bins bench-bins list-tests list-scripts bench oracle oracle-build fidelity freestanding format clean setup compile_commands
.DEFAULT_GOAL := all
all: $(B)/quire $(B)/release/libquire.a $(B)/libquire-malloc.so

# ---- the two commands -------------------------------------------------------

setup:
	@sh scripts/setup.sh

run:
	@sh scripts/setup.sh || echo "Going on with what is there."
	@$(MAKE) --no-print-directory -s -j$$(nproc) $(B)/quire
	@$(B)/quire run examples/three-am.yaml

check: setup
	@sh tests/run-all.sh

# ---- rules of a flavour -----------------------------------------------------

# $(1) flavour, $(2) sources -> objects
objs = $(patsubst %.c,$(B)/$(1)/%.o,$(2))
compile = $(CC) $(CSTD) $(WARN) $(CPPBASE) -Iport/$(PORT_$(1)) $(CPP_$(firstword $(subst /, ,$*))) $(CFLAGS_$(1)) $(CFLAGS)

define FLAVOUR
$(B)/$(1)/flags: FORCE
	@mkdir -p $$(@D); echo '$(compile)' | cmp -s - $$@ || echo '$(compile)' > $$@
$(B)/$(1)/%.o: %.c $(B)/$(1)/flags
	@mkdir -p $$(@D)
	@echo "  CC    $(1)  $$<"
	@$$(call compile,$(1)) -c $$< -o $$@
-include $$(wildcard $(B)/$(1)/*/*.d $(B)/$(1)/*/*/*.d)
endef
$(foreach f,$(FLAVOURS),$(eval $(call FLAVOUR,$(f))))
FORCE:

# ---- the program, the library -----------------------------------------------

PROGRAM := $(CORE) $(MODEL) $(MACHINE) $(ORACLE) $(EXPLAIN) $(PROCFS) $(CLI)
define PROGRAM_RULE
$(B)/$(1)/quire: $(call objs,$(1),$(PROGRAM))
	@echo "  LD    $(1)  $$@"
	@$(CC) $(CFLAGS_$(1)) $(LINK_$(1)) $(LDFLAGS) -o $$@ $$^ $(LIBS_$(1))
endef
$(foreach f,model debug,$(eval $(call PROGRAM_RULE,$(f))))
$(B)/quire: $(B)/model/quire
	@cp -f $< $@

# The script and style of `quire report`'s page: npm's packages by their lock
# file, bundled.  Nothing else needs npm.
.PHONY: report-assets
report-assets: $(B)/report/report.js
$(B)/report/report.js: report/package-lock.json $(wildcard report/src/*)
	@command -v npm >/dev/null || { echo "make report-assets: npm is missing (Debian: apt-get install npm); all else works without it"; exit 1; }
	@cd report && npm ci --no-audit --no-fund --silent
	@report/node_modules/.bin/esbuild report/src/main.js --bundle --minify --log-level=warning --outfile=$@
	@touch $@

# One relocatable object whose only global symbols are quire_*.
$(B)/release/libquire.a: $(call objs,release,$(CORE) $(HOST))
	@echo "  AR    release  $@"
	@ld -r -o $(B)/release/libquire.o $^
	@objcopy --wildcard --keep-global-symbol='quire_*' $(B)/release/libquire.o
	@rm -f $@; ar rcs $@ $(B)/release/libquire.o

# ---- installing -------------------------------------------------------------

# make install [PREFIX=/usr/local] [DESTDIR=]: the library, its headers and what
# pkg-config knows of them; the command and its pages as well.
PREFIX  ?= /usr/local
LIBDIR  ?= $(PREFIX)/lib
DESTDIR ?=
VERSION := 0.1
.PHONY: install install-lib uninstall
install: install-lib $(B)/quire
	@install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5
	@install -m 755 $(B)/quire $(DESTDIR)$(PREFIX)/bin/quire
	@install -m 644 man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	@install -m 644 man/*.5 $(DESTDIR)$(PREFIX)/share/man/man5/
install-lib: $(B)/release/libquire.a
	@install -d $(DESTDIR)$(PREFIX)/include/quire $(DESTDIR)$(LIBDIR)/pkgconfig
	@install -m 644 include/quire/*.h $(DESTDIR)$(PREFIX)/include/quire/
	@install -m 644 $< $(DESTDIR)$(LIBDIR)/libquire.a
	@sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@VERSION@|$(VERSION)|' \
		scripts/quire.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/quire.pc
	@chmod 644 $(DESTDIR)$(LIBDIR)/pkgconfig/quire.pc
uninstall:
	@rm -f $(patsubst include/%,$(DESTDIR)$(PREFIX)/include/%,$(wildcard include/quire/*.h)) \
		$(DESTDIR)$(LIBDIR)/libquire.a $(DESTDIR)$(LIBDIR)/pkgconfig/quire.pc \
		$(DESTDIR)$(PREFIX)/bin/quire \
		$(patsubst man/%,$(DESTDIR)$(PREFIX)/share/man/man1/%,$(wildcard man/*.1)) \
		$(patsubst man/%,$(DESTDIR)$(PREFIX)/share/man/man5/%,$(wildcard man/*.5))
	@rmdir $(DESTDIR)$(PREFIX)/include/quire 2>/dev/null || true

# The host port's tables come from the inner allocator, below the heap.
$(B)/malloc/port/host/%.o: CFLAGS_malloc += -Dmalloc=quire_inner_malloc -Dcalloc=quire_inner_calloc \
	-Daligned_alloc=quire_inner_aligned_alloc -Dfree=quire_inner_free
$(B)/libquire-malloc.so: $(call objs,malloc,$(MALLOC)) malloc/malloc.map
	@echo "  LD    malloc  $@"
	@$(CC) -shared -o $@ $(filter %.o,$^) -Wl,--version-script=malloc/malloc.map -Wl,-Bsymbolic \
		-Wl,-z,now,-z,relro,-z,nodelete,-z,defs $(LDFLAGS)

# core/ without libc: what it needs from outside is the port's symbols and the
# four memory functions that a compiler may call; tests/symbols.sh holds it.
freestanding: $(call objs,freestanding,$(CORE))
	@ld -r -o $(B)/freestanding/quire-core.o $^
	@sh tests/symbols.sh core $(B)/freestanding/quire-core.o

# ---- fuzzing: long, and not a part of check ----------------------------------

# make fuzz [FUZZ=explain|malloc|space] [SECONDS=60] [SEEDS=folder]: clang's libFuzzer.
FUZZ    := explain
SECONDS := 60
FUZZ_malloc := $(MALLOC)
FUZZ_PORT_malloc := host
FUZZ_FLAGS_malloc := -DQUIRE_MALLOC_PREFIX
FUZZ_explain := $(filter-out explain/who% explain/forecast% explain/model% explain/daemons% explain/what_if%,$(EXPLAIN)) \
	machine/json_string.c core/oom/rules.c
FUZZ_LIBS_space := -llz4 -llzo2 -lzstd -lz -lpthread -lm
FUZZ_space := $(CORE) $(MODEL) tests/lib/space_fuzz.c
.PHONY: fuzz
fuzz:
	@mkdir -p build/fuzz/$(FUZZ).corpus
	@clang $(CSTD) $(CPPBASE) -Iport/$(or $(FUZZ_PORT_$(FUZZ)),model) $(FUZZ_FLAGS_$(FUZZ)) -g -O1 \
		-fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined -o build/fuzz/$(FUZZ) fuzz/fuzz_$(FUZZ).c $(FUZZ_$(FUZZ)) $(FUZZ_LIBS_$(FUZZ))
	@build/fuzz/$(FUZZ) -max_total_time=$(SECONDS) -max_len=65536 -timeout=5 -rss_limit_mb=1024 \
		build/fuzz/$(FUZZ).corpus $(SEEDS)

# ---- tests ------------------------------------------------------------------

define TEST_RULE
$(B)/$(1)/$(2): $(B)/$(1)/$(2).o $(call objs,$(1),$(TESTLIB) $(CORE) $(3))
	@echo "  LD    $(1)  $$@"
	@$(CC) $(CFLAGS_$(1)) $(LINK_$(1)) $(LDFLAGS) -o $$@ $$^ $(LIBS_$(1)) -lcmocka
endef
$(foreach t,$(TESTS_MODEL:.c=),$(eval $(call TEST_RULE,debug,$(t),$(MODEL) $(MACHINE) $(ORACLE) $(EXPLAIN))))
$(foreach t,$(BENCH:.c=),$(eval $(call TEST_RULE,model,$(t),$(MODEL) $(MACHINE))))
define HOST_TEST_RULE
$(B)/$(1)/$(2): $(B)/$(1)/$(2).o $(call objs,$(1),$(CORE) $(HOST))
	@echo "  LD    $(1)  $$@"
	@$(CC) $(CFLAGS_$(1)) $(LDFLAGS) -o $$@ $$^ $(LIBS_$(1)) -lcmocka
endef
$(foreach f,debug-host tsan,$(foreach t,$(TESTS_HOST:.c=),$(eval $(call HOST_TEST_RULE,$(f),$(t)))))
$(foreach t,$(BENCH_HOST:.c=) bench/malloc/cache,$(eval $(call HOST_TEST_RULE,release,$(t))))

UNIT_BINS := $(patsubst %.c,$(B)/debug/%,$(TESTS_MODEL))
HOST_BINS := $(patsubst %.c,$(B)/debug-host/%,$(TESTS_HOST))
TSAN_BINS := $(patsubst %.c,$(B)/tsan/%,$(TESTS_HOST))
# What bench/malloc.sh runs beside other mallocs.
BENCH_MALLOC := $(B)/release/bench/malloc/cache $(B)/libquire-malloc.so
BENCH_BINS := $(patsubst %.c,$(B)/model/%,$(BENCH)) $(patsubst %.c,$(B)/release/%,$(BENCH_HOST))

check-unit: $(UNIT_BINS)
	@sh tests/run.sh $(UNIT_BINS)
check-host: $(HOST_BINS) $(TSAN_BINS)
	@sh tests/run.sh $(HOST_BINS) $(TSAN_BINS)
check-tools: $(B)/quire
	@sh tests/run.sh $(TESTS_TOOLS)

# The random tests of pages, of what is in them, and of swap, long: tens of millions of operations.
.PHONY: check-long
check-long: $(B)/debug/tests/swap/test_nothing_lost $(B)/debug/tests/page/test_pageblock_map \
	    $(B)/debug/tests/page/test_buddy $(B)/debug-host/tests/host/test_frames $(B)/debug/tests/space/test_contents
	@for t in $^; do QUIRE_LONG=1 $$t || exit 1; done

# What run-all.sh builds and runs.
TESTS_SCRIPTS := $(sort $(wildcard tests/test-*.sh)) $(TESTS_TOOLS)
check-bins: $(UNIT_BINS) $(HOST_BINS) $(TSAN_BINS) $(B)/libquire-malloc.so
bench-bins: $(BENCH_BINS) $(BENCH_MALLOC)
list-tests:
	@echo $(UNIT_BINS) $(HOST_BINS) $(TSAN_BINS)
list-scripts:
	@echo $(TESTS_SCRIPTS)

bench: $(BENCH_BINS) $(BENCH_MALLOC) $(B)/quire
	@sh bench/run.sh $(B) $(BENCH_BINS)

# The real kernel as the judge (oracle/README.md): needs oracle/packages.txt.
oracle: oracle-build
	@oracle/record.sh -j $$(nproc) $(KERNELS:%=-k %) $(NAMES)
oracle-build:
	@oracle/guest/build.sh
# The model beside the recorded results; what agrees exactly must go on so.
fidelity: $(B)/quire
	@$(B)/quire oracle fidelity -o docs/fidelity.md --agrees oracle/agrees.txt --update

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	rm -rf build
