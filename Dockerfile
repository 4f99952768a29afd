# Three images from one build: --target gatekeeper, --target bridge, and --target kong. The last is Kong with the
# gatekeeper inside, for those who cannot share a volume between two containers.
#
# Tags, not digests: they get the security fixes of their distributions with each build. For a build that can be repeated to the
# byte pass both with a digest, node:22-slim@sha256:…. The provenance of a released image names those that it was built on.
ARG NODE_IMAGE=node:22-slim
ARG KONG_IMAGE=kong:3.9

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY client/package.json client/
COPY service/package.json service/
COPY kong-stand-in/package.json kong-stand-in/
RUN npm ci --ignore-scripts
COPY . .
# npm prune leaves the folders of scopes behind. It would also keep what a client in a browser may be used with.
RUN npm run build && npm run build:client && rm -rf dist/dev dist/kong-stand-in \
  && npm pkg delete peerDependencies peerDependenciesMeta --workspace ws-bridge-client \
  && npm prune --omit=dev --ignore-scripts && rm -f node_modules/kong-stand-in node_modules/ws-bridge-service && find node_modules -type d -empty -delete

FROM ${NODE_IMAGE} AS runtime
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist/protocol ./dist/protocol
COPY --from=build /app/dist/stdio ./dist/stdio
COPY --from=build /app/dist/redis ./dist/redis
COPY --from=build /app/dist/workers ./dist/workers

FROM runtime AS gatekeeper
COPY --from=build /app/dist/plugin ./dist/plugin
# A volume that is mounted here takes over this owner. The socket is open to its group, so Kong, whose uid is 1000 in
# some images and 1001 in others, needs group 1000.
RUN mkdir /run/ws-gatekeeper && chown 1000:1000 /run/ws-gatekeeper \
  && chmod +x dist/plugin/bin/ws-gatekeeper.js && ln -s /app/dist/plugin/bin/ws-gatekeeper.js /usr/local/bin/ws-gatekeeper
USER 1000:1000
VOLUME /run/ws-gatekeeper
# Metrics, for who shares a network with it: nothing publishes this port.
EXPOSE 9091
HEALTHCHECK --interval=5s --timeout=10s --start-period=30s \
  CMD ["node", "dist/plugin/bin/ws-gatekeeper.js", "--health-check", "--socket", "/run/ws-gatekeeper/plugin.sock"]
CMD ["node", "dist/plugin/bin/ws-gatekeeper.js", "--socket", "/run/ws-gatekeeper/plugin.sock", "--plugin-info-file", "/run/ws-gatekeeper/plugin-info.json", "--admin-host", "0.0.0.0", "--admin-port", "9091"]

FROM ${KONG_IMAGE} AS kong
USER root
COPY --from=runtime /usr/local/bin/node /usr/local/bin/node
COPY --from=runtime /app /opt/ws-gatekeeper
COPY --from=build /app/dist/plugin /opt/ws-gatekeeper/dist/plugin
RUN mkdir /run/ws-gatekeeper && chown kong /run/ws-gatekeeper \
  && chmod +x /opt/ws-gatekeeper/dist/plugin/bin/ws-gatekeeper.js \
  && ln -s /opt/ws-gatekeeper/dist/plugin/bin/ws-gatekeeper.js /usr/local/bin/ws-gatekeeper
USER kong
# The gatekeeper's metrics, as in its own image.
EXPOSE 9091
# nginx gives what it spawns an empty environment, PATH included; KONG_NGINX_MAIN_ENV names what is to pass.
ENV KONG_PLUGINS=bundled,ws-gatekeeper \
  KONG_PLUGINSERVER_NAMES=gatekeeper \
  KONG_PLUGINSERVER_GATEKEEPER_SOCKET=/run/ws-gatekeeper/plugin.sock \
  KONG_PLUGINSERVER_GATEKEEPER_START_CMD="/usr/local/bin/node /opt/ws-gatekeeper/dist/plugin/bin/ws-gatekeeper.js --socket /run/ws-gatekeeper/plugin.sock --admin-host 0.0.0.0 --admin-port 9091" \
  KONG_PLUGINSERVER_GATEKEEPER_QUERY_CMD="/usr/local/bin/node /opt/ws-gatekeeper/dist/plugin/bin/ws-gatekeeper.js --plugin-info" \
  KONG_NGINX_MAIN_ENV="GATEKEEPER_LOG_LEVEL; env GATEKEEPER_MAX_REFUSED_ADDRESSES; env NODE_EXTRA_CA_CERTS; env NODE_OPTIONS"

FROM runtime AS bridge
COPY --from=build /app/dist/sidecar ./dist/sidecar
# `ws-bridge tail` connects with it.
COPY --from=build /app/client/package.json ./client/
COPY --from=build /app/client/dist ./client/dist
RUN chmod +x dist/sidecar/bin/ws-bridge.js && ln -s /app/dist/sidecar/bin/ws-bridge.js /usr/local/bin/ws-bridge
USER 1000:1000
# Metrics and health, for who shares a network with it: nothing publishes this port.
ENV BRIDGE_ADMIN_HOST=0.0.0.0
EXPOSE 8080 9090
HEALTHCHECK --interval=5s --timeout=10s --start-period=30s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.BRIDGE_ADMIN_PORT || 9090) + '/livez').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# A smaller young generation (docs/adr/0028): a sixth of the memory of idle sockets less.
CMD ["node", "--max-semi-space-size=8", "dist/sidecar/bin/ws-bridge.js"]
