# syntax=docker/dockerfile:1
# An image with only the server: no shell, no package manager, not root.
#
#   docker build -t codescry .
#   docker run --rm -i --network none -v "$PWD:/code:ro" -v codescry-data:/data codescry
#
# The index is kept in /data: use one volume per project.

FROM rust:1.94-bookworm AS build
WORKDIR /source
COPY . .
# The target folder stays in the builder's cache, because LanceDB takes long to compile.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/target \
    CARGO_TARGET_DIR=/target CARGO_INCREMENTAL=0 cargo build --release --locked --bin codescry \
    && install -D -m 755 /target/release/codescry /image/usr/local/bin/codescry \
    && install -d -m 700 -o 65532 -g 65532 /image/data \
    && install -d /image/usr/local/share/codescry \
    && printf 'as an image built from source\ngit pull, then docker build -t codescry .\n' \
        > /image/usr/local/share/codescry/installed-by

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /image/usr/local/bin/codescry /usr/local/bin/codescry
COPY --from=build /image/usr/local/share/codescry /usr/local/share/codescry
COPY --from=build --chown=65532:65532 /image/data /data
COPY LICENSE-APACHE LICENSE-MIT NOTICE /usr/share/doc/codescry/
# The MCP registry takes an image for a server's only if it has the name that server.json has.
LABEL io.modelcontextprotocol.server.name="io.github.codescry/codescry"
ENV XDG_DATA_HOME=/data XDG_CACHE_HOME=/data/cache
VOLUME /data
WORKDIR /code
USER 65532:65532
ENTRYPOINT ["codescry"]
CMD ["serve", "--stdio", "/code"]
