# An image of the checkout it lies in; docs/docker.md says how to run it. Pin the base by its digest for a build that can be
# repeated: --build-arg NODE=node:24-bookworm-slim@sha256:…
ARG NODE=node:24-bookworm-slim

FROM ${NODE} AS build
WORKDIR /opt/misp-herald
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY scripts/generate.mjs ./scripts/
# Node 24 has SQLite built in, and of zeromq's binaries only those for this system are of use.
RUN npm run build \
 && npm prune --omit=dev \
 && rm -rf node_modules/@photostructure node_modules/node-gyp-build node_modules/zeromq/build/darwin node_modules/zeromq/build/win32 \
 && find dist -name '*.map' -delete \
 && node dist/main.js --version \
 && node -e 'require("zeromq"); require("node:sqlite")'

FROM ${NODE}
# A program that runs needs no package manager. The user's number is fixed, for those who mount directories.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
    /usr/local/bin/yarn /usr/local/bin/yarnpkg /opt/yarn* \
 && groupadd --gid 10001 misp-herald \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin misp-herald \
 && install -d -o misp-herald -g misp-herald -m 0700 /var/lib/misp-herald \
 && install -d -o misp-herald -g misp-herald -m 0750 /run/misp-herald
COPY --from=build /opt/misp-herald/dist /opt/misp-herald/dist
COPY --from=build /opt/misp-herald/node_modules /opt/misp-herald/node_modules
COPY --from=build /opt/misp-herald/config.schema.json /opt/misp-herald/
COPY package.json LICENSE THIRD-PARTY.md CHANGELOG.md README.md SECURITY.md config.yaml.example /opt/misp-herald/
# SQLite's temporary files hold what the state holds, and belong beside it; nothing else is writable.
ENV NODE_ENV=production SQLITE_TMPDIR=/var/lib/misp-herald
USER 10001:10001
WORKDIR /var/lib/misp-herald
VOLUME /var/lib/misp-herald
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=60s --timeout=10s --start-period=30s CMD ["node", "/opt/misp-herald/dist/main.js", "status"]
ENTRYPOINT ["node", "/opt/misp-herald/dist/main.js"]
CMD ["run", "-c", "/etc/misp-herald/config.yaml"]
