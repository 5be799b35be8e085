# Two stages: the toolchain stays behind, and so does every shell. scripts/image makes the same without a container engine.
FROM swift:6.2-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
        libssl-dev libnghttp2-dev libyaml-dev libsqlite3-dev zlib1g-dev pkg-config python3 ca-certificates \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Package.swift ./
COPY Sources ./Sources
COPY Tests ./Tests
COPY scripts/image ./scripts/image
RUN swift build -c release --static-swift-stdlib --product certd \
    && scripts/image "$(swift build -c release --static-swift-stdlib --product certd --show-bin-path)/certd" /image --root

FROM scratch
COPY --from=build /image /
COPY --from=build --chown=10001:10001 /image/var/lib/certd /var/lib/certd
USER 10001:10001
ENV PATH=/usr/bin
WORKDIR /var/lib/certd
VOLUME /var/lib/certd
EXPOSE 8080 8443
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["/usr/bin/certd", "status", "--health"]
ENTRYPOINT ["/usr/bin/certd"]
CMD ["run", "--config", "/etc/certd/certd.yaml"]
