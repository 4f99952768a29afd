#!/bin/sh
# Installs what `npm start` and `npm test` need and nothing else: redis-server (apt) and the npm packages.
# Works as root and with sudo; says what it does; does nothing that is already done.
set -eu
cd "$(dirname "$0")/.."

if ! command -v redis-server >/dev/null 2>&1; then
  echo "setup: installing redis-server (apt-get)"
  as_root=''
  if [ "$(id -u)" -ne 0 ]; then as_root='sudo'; fi
  $as_root apt-get update -qq
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server
fi

if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo "setup: installing the npm packages (npm ci)"
  npm ci --no-fund --no-audit
fi
echo "setup: done"
