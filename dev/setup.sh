#!/bin/sh
# Installs what `npm start` and `npm test` need and nothing else: redis-server and Chromium (apt) and the npm packages.
# Works as root and with sudo; says what it does; does nothing that is already done.
set -eu
cd "$(dirname "$0")/.."

has() { command -v "$1" >/dev/null 2>&1; }

missing=''
has redis-server || missing='redis-server'
# For the tests of the demo page; any of these will do.
if [ -z "${CHROMIUM_PATH:-}" ] && ! has chromium && ! has chromium-browser && ! has google-chrome && ! has google-chrome-stable; then
  missing="$missing chromium"
fi

if [ -n "$missing" ]; then
  echo "setup: installing $(echo $missing) (apt-get)"
  as_root=''
  if [ "$(id -u)" -ne 0 ]; then as_root='sudo'; fi
  $as_root apt-get update -qq
  for package in $missing; do
    # Ubuntu has no chromium in apt; npm start does without it, and npm test says what it lacks.
    if [ "$package" = chromium ] && ! apt-cache show chromium >/dev/null 2>&1; then
      echo "setup: apt has no chromium here: install Chromium or Chrome for the tests of the demo page"
      continue
    fi
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package"
  done
fi

if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo "setup: installing the npm packages (npm ci)"
  npm ci --no-fund --no-audit
fi
echo "setup: done"
