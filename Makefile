# certd: build, run, test. `make run` and `make test` install what they need (Debian's packages) by themselves.
BUILD_PACKAGES := libssl-dev libnghttp2-dev libyaml-dev libsqlite3-dev zlib1g-dev pkg-config
RUN_PACKAGES := $(BUILD_PACKAGES) curl ca-certificates
TEST_PACKAGES := $(RUN_PACKAGES) python3 openssl pebble bind9 bind9-dnsutils procps caddy certbot lego iproute2 python3-venv etcd-server
# Tests that wait take no processor; but programs that tests start must not be starved by hundreds of them.
FEW_AT_A_TIME := SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=8
RELEASE_FLAGS := -c release --static-swift-stdlib --product certd

# For the soak and the fuzz targets: how long, in seconds (each target: 60), and which choices or targets.
SECONDS ?=
SEED ?=
KEEP ?=
TARGETS ?=

.PHONY: run build test test-all soak changes short-lives fuzz test-asan test-tsan instructions lint deb image dist test-packages install clean

run:
	@scripts/install-packages $(RUN_PACKAGES)
	swift build $(RELEASE_FLAGS)
	@scripts/demo "$$(swift build $(RELEASE_FLAGS) --show-bin-path)/certd"

build:
	@scripts/install-packages $(BUILD_PACKAGES)
	swift build $(RELEASE_FLAGS)
	@echo "built $$(swift build $(RELEASE_FLAGS) --show-bin-path)/certd"

test:
	@scripts/install-packages $(TEST_PACKAGES)
	@scripts/python-clients
	$(MAKE) --no-print-directory lint
	swift build --build-tests
	$(FEW_AT_A_TIME) CERTD_TEST_TIMES="$(CURDIR)/.build/test-times.txt" swift test --skip-build
	.build/clients/bin/python Tests/Soak/soak.py --certd "$$(swift build --show-bin-path)/certd" --seconds 15

# Every byte of every answer derives from its request: make soak SECONDS=600 SEED=1 (docs/testing.md)
soak: build
	@scripts/install-packages $(TEST_PACKAGES)
	@scripts/python-clients
	.build/clients/bin/python Tests/Soak/soak.py --certd "$$(swift build $(RELEASE_FLAGS) --show-bin-path)/certd" \
	  --seconds $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED))

# Reloads, upgrades and crashes under load of every kind (docs/testing.md)
changes: build
	@scripts/install-packages $(TEST_PACKAGES)
	@scripts/python-clients
	.build/clients/bin/python Tests/Soak/changes.py --certd "$$(swift build $(RELEASE_FLAGS) --show-bin-path)/certd"

# Certificates that live for minutes, from a real CA: make short-lives SECONDS=3600 (docs/testing.md)
short-lives: build
	@scripts/install-packages $(TEST_PACKAGES)
	python3 Tests/Soak/short_lives.py --certd "$$(swift build $(RELEASE_FLAGS) --show-bin-path)/certd" \
	  --seconds $(or $(SECONDS),3600)

# Every parser under libFuzzer with address sanitizer: make fuzz SECONDS=600 TARGETS="dns json" (docs/fuzzing.md)
fuzz:
	@scripts/install-packages $(BUILD_PACKAGES)
	scripts/fuzz $(or $(SECONDS),60) $(TARGETS)

# The tests that start no programs under a sanitizer (docs/fuzzing.md)
test-asan:
	@scripts/install-packages $(TEST_PACKAGES)
	ASAN_OPTIONS=detect_leaks=0 $(FEW_AT_A_TIME) swift test --scratch-path .build-asan --sanitize=address --skip EndToEndTests

test-tsan:
	@scripts/install-packages $(TEST_PACKAGES)
	TSAN_OPTIONS="suppressions=$(CURDIR)/Tests/Sanitizers/thread.suppressions" \
	  $(FEW_AT_A_TIME) swift test --scratch-path .build-tsan --sanitize=thread --skip EndToEndTests

# What certd spends on one request of each kind, in instructions, beside what is kept; KEEP=1 keeps it (docs/testing.md)
instructions: build
	@scripts/install-packages $(RUN_PACKAGES) valgrind binutils openssl
	CERTD="$$(swift build $(RELEASE_FLAGS) --show-bin-path)/certd" \
	  scripts/instructions $(if $(KEEP),--write,--check) Tests/Instructions/kept.json

# All of it: every point of the sweeps, a minute of soak, and no request dearer than it was
test-all:
	CERTD_TEST_ALL=1 $(MAKE) --no-print-directory test
	$(MAKE) --no-print-directory soak SECONDS=60
	$(MAKE) --no-print-directory instructions

lint:
	swift format lint --strict --parallel --recursive Package.swift Sources Tests

# certd_VERSION_ARCH.deb, the same bytes of the same source
deb: build
	@scripts/install-packages dpkg-dev binutils python3
	scripts/deb "$$(swift build $(RELEASE_FLAGS) --show-bin-path)/certd" .build/dist

# A container image without a shell, made without a container engine: .build/dist/certd-image.tar
image: build
	@scripts/install-packages binutils python3 ca-certificates
	mkdir -p .build/dist
	scripts/image "$$(swift build $(RELEASE_FLAGS) --show-bin-path)/certd" .build/dist/certd-image.tar

# All that is given away, with its sums
dist: deb image
	scripts/sbom "$$(swift build $(RELEASE_FLAGS) --show-bin-path)/certd" > .build/dist/certd.cdx.json
	cd .build/dist && sha256sum certd_*.deb certd-image.tar certd.cdx.json > SHA256SUMS && cat SHA256SUMS

# Installs, uses, upgrades, removes the package in a clean Debian root; to be run as root (docs/testing.md)
test-packages: build
	@scripts/install-packages dpkg-dev binutils python3 debootstrap systemd mandoc curl python3-venv
	scripts/test-packages "$$(swift build $(RELEASE_FLAGS) --show-bin-path)/certd"
	[ -x .build/manifests/bin/python ] || { python3 -m venv .build/manifests && \
	  .build/manifests/bin/pip install -q kubernetes-validate go-template pyyaml; }
	.build/manifests/bin/python scripts/test-manifests "$$(swift build $(RELEASE_FLAGS) --show-bin-path)/certd"

PREFIX ?= /usr/local
install:
	install -D -s -m 0755 "$$(swift build $(RELEASE_FLAGS) --show-bin-path)/certd" $(DESTDIR)$(PREFIX)/bin/certd

clean:
	rm -rf .build
