# syntax=docker/dockerfile:1

# The whole system in one image: page, API and administration on a port (`lurelight serve`), and every other command.
# `scripts/image` builds it, for x86_64 and arm64 at once without emulation, and `scripts/image check` builds and runs the
# final stage without an engine.

ARG RUST=1.95
ARG DEBIAN=bookworm

# Of the platform that is built for: its C library goes into the final stage. Nothing is run in here.
FROM debian:${DEBIAN}-slim AS system

# Of the platform that builds, with a compiler for the other one where they differ.
FROM --platform=$BUILDPLATFORM rust:${RUST}-slim-${DEBIAN} AS toolchain
ARG CARGO_CHEF=0.1.78
RUN cargo install cargo-chef --locked --version "$CARGO_CHEF"
ARG TARGETARCH
COPY scripts/container/toolchain /usr/local/bin/
RUN toolchain "$TARGETARCH"
WORKDIR /src

# What the dependencies are, and nothing else of the sources.
FROM toolchain AS recipe
COPY . .
RUN cargo chef prepare --recipe-path /recipe.json

# The dependencies are a layer of their own: it is built anew where Cargo.lock or a manifest changes, and not where the
# sources do.
FROM toolchain AS build
COPY --from=recipe /recipe.json /
RUN cargo chef cook --release --locked --package lurelight --recipe-path /recipe.json
COPY . .
ARG COMMIT
RUN LURELIGHT_COMMIT="$COMMIT" cargo build --release --locked --package lurelight

# What the final stage consists of, as folders. `scripts/image check` gives its own in place of this stage.
FROM build AS contents
RUN --mount=type=bind,from=system,target=/system \
    scripts/container/contents target/*/release/lurelight /system /contents

FROM scratch AS lurelight
COPY --from=contents /contents/system/ /
COPY --from=contents --chown=65532:65532 /contents/home/ /var/lib/
COPY --from=contents /contents/program/ /usr/bin/
ARG VERSION
ARG COMMIT
LABEL org.opencontainers.image.title="Lurelight" \
      org.opencontainers.image.description="Tells phishing sites from legitimate ones, by 30 coded features of each site" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT"
ENV PATH=/usr/bin \
    LURELIGHT_ADDRESS=0.0.0.0:9000 \
    LURELIGHT_HOME=/var/lib/lurelight \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532
EXPOSE 9000
HEALTHCHECK --interval=30s --timeout=6s --start-period=10s CMD ["/usr/bin/lurelight", "healthcheck"]
ENTRYPOINT ["/usr/bin/lurelight"]
CMD ["serve"]
