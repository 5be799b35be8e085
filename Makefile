# certd: build, run, test. `make run` and `make test` install what they need (Debian's packages) by themselves.
BUILD_PACKAGES := libssl-dev libnghttp2-dev libyaml-dev zlib1g-dev pkg-config
RUN_PACKAGES := $(BUILD_PACKAGES) python3 curl ca-certificates
TEST_PACKAGES := $(RUN_PACKAGES) openssl pebble bind9 bind9-dnsutils procps caddy iproute2 python3-venv
# Tests that start programs and wait for them must not be starved by four hundred others.
FEW_AT_A_TIME := SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=4
RELEASE_FLAGS := -c release --static-swift-stdlib --product certd

.PHONY: run build test lint install clean

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
	$(FEW_AT_A_TIME) swift test --skip-build --skip EndToEndTests
	$(FEW_AT_A_TIME) swift test --skip-build --filter EndToEndTests

lint:
	swift format lint --strict --recursive Package.swift Sources Tests

PREFIX ?= /usr/local
install:
	install -D -m 0755 "$$(swift build $(RELEASE_FLAGS) --show-bin-path)/certd" $(DESTDIR)$(PREFIX)/bin/certd

clean:
	rm -rf .build
