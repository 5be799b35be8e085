# Two stages: the toolchain stays behind. The Swift runtime is linked statically; OpenSSL, nghttp2, libyaml, SQLite and zlib come from Debian.
FROM swift:6.2-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
        libssl-dev libnghttp2-dev libyaml-dev libsqlite3-dev zlib1g-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Package.swift ./
COPY Sources ./Sources
COPY Tests ./Tests
RUN swift build -c release --static-swift-stdlib --product certd \
    && install -D "$(swift build -c release --static-swift-stdlib --product certd --show-bin-path)/certd" /out/certd \
    && strip /out/certd

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
        ca-certificates curl libssl3 libstdc++6 libnghttp2-14 libyaml-0-2 libsqlite3-0 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/certd --shell /usr/sbin/nologin certd \
    && install -d -o certd -g certd -m 0700 /var/lib/certd
COPY --from=build /out/certd /usr/local/bin/certd
USER certd
VOLUME /var/lib/certd
EXPOSE 8080 8443
# Whatever the listener answers, it answers: a redirect, a 404 or a model's reply all mean that certd serves.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD for url in https://127.0.0.1:8443/ https://127.0.0.1/ http://127.0.0.1:8080/ http://127.0.0.1/; \
        do curl -sk -o /dev/null "$url" && exit 0; done; exit 1
ENTRYPOINT ["certd"]
CMD ["run", "--config", "/etc/certd/certd.yaml"]
