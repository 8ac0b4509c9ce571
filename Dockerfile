# The image of one replica. Building it needs nothing but `npm ci` and copying.
#
#   docker build -t punctual .
#   docker run --rm --init -p 127.0.0.1:8080:8080 -e AUTH=none -v punctual:/data punctual
#
# Without DATABASE_URL that keeps its data in the volume. AUTH=none lets everyone in who reaches the port: anything but a
# trial sets API_KEYS instead. `docker run punctual migrate` applies the migrations alone.

# Debian rather than Alpine: Node builds for musl are experimental. Time zones come with Node, not with the system.
FROM node:24-bookworm-slim AS base
WORKDIR /app
COPY package.json package-lock.json ./

FROM base AS build
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY console ./console
COPY migrations ./migrations
# A checkout made under a strict umask would be unreadable to the user below.
RUN npm run build && chmod -R a+rX package.json migrations dist

FROM base AS dependencies
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-bookworm-slim AS runtime
WORKDIR /app
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=8080 \
    DATA_DIR=/data

# All of it belongs to root: the process cannot change its own code.
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/package.json ./
COPY --from=build /app/migrations ./migrations
COPY --from=build /app/dist ./dist

# For the embedded store. A new volume takes over the folder's owner; a folder of the host must be given to this uid.
RUN install -d -m 0700 -o 10001 -g 10001 /data
VOLUME /data

# Numeric, so that Kubernetes can tell that it is not root. High, so that it is nobody on the host.
USER 10001:10001
EXPOSE 8080

# SIGTERM drains for SHUTDOWN_GRACE (25s), and Docker kills after 10 s: `docker run --stop-timeout 40`.
STOPSIGNAL SIGTERM

# /livez and not /readyz: what kills an unhealthy container (Swarm, autoheal) must not kill a replica that waits for
# Postgres and goes on by itself when it is back. Load balancers and `depends_on` ask /readyz.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT || 8080) + '/livez', { signal: AbortSignal.timeout(4000) }).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]

# Node itself is process 1 and answers SIGTERM and SIGINT; it starts no processes, so there is none to reap. Until its
# handlers are set, and in `migrate`, process 1 ignores both signals: `--init` (compose: `init: true`) mends that.
# V8 shrinks its young generation while nothing is due, and a burst then spends a tenth more of its time collecting garbage.
ENTRYPOINT ["node", "--enable-source-maps", "--min-semi-space-size=16", "--max-semi-space-size=32", "/app/dist/main.js"]
CMD ["serve"]

# Last, because they differ in every build.
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Punctual" \
      org.opencontainers.image.description="A scheduling service that is on time, never fires twice and never silently skips." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
