# Two images from one build: --target gatekeeper and --target bridge.
ARG NODE_IMAGE=node:22-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY client/package.json client/
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts && rm -rf dist/dev

FROM ${NODE_IMAGE} AS runtime
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist/protocol ./dist/protocol

FROM runtime AS gatekeeper
COPY --from=build /app/dist/plugin ./dist/plugin
# A volume that is mounted here takes over this owner. The socket is open to its group, so Kong, whose uid is 1000 in
# some images and 1001 in others, needs group 1000.
RUN mkdir /run/ws-gatekeeper && chown 1000:1000 /run/ws-gatekeeper
USER 1000:1000
VOLUME /run/ws-gatekeeper
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s \
  CMD ["node", "dist/plugin/bin/ws-gatekeeper.js", "--health-check", "--socket", "/run/ws-gatekeeper/plugin.sock"]
CMD ["node", "dist/plugin/bin/ws-gatekeeper.js", "--socket", "/run/ws-gatekeeper/plugin.sock", "--plugin-info-file", "/run/ws-gatekeeper/plugin-info.json"]

FROM runtime AS bridge
COPY --from=build /app/dist/sidecar ./dist/sidecar
USER 1000:1000
EXPOSE 8080 9090
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9090/livez').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/sidecar/bin/ws-bridge.js"]
