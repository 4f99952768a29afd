#!/bin/sh
# Installs the packages that a command needs and that are not there yet, and names them.
#
#   sh dev/setup.sh        for npm start: redis-server, unless REDIS_URL names a Redis or REDIS_SERVER a server, and the npm packages
#   sh dev/setup.sh test   for npm test: Chromium as well, which the tests of the demo page drive.
#                          A user who is not root gets chromium-sandbox, where the system gives no namespaces
#   sh dev/setup.sh python for the test of docs/examples/ai-service: Python with redis, fastapi and uvicorn
#
# Debian's packages come from apt-get, as root or with sudo.
set -eu
cd "$(dirname "$0")/.."

say() { echo "setup: $*"; }
fail() {
  for line in "$@"; do echo "setup: $line" >&2; done
  exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }

has_chromium() {
  [ -n "${CHROMIUM_PATH:-}" ] || has chromium || has chromium-browser || has google-chrome || has google-chrome-stable
}

needs_sandbox() {
  [ "$(id -u)" -ne 0 ] && [ -z "${CI:-}" ] && [ -z "${CHROMIUM_PATH:-}" ] || return 1
  # Chrome's own package brings its sandbox along.
  has chromium || ! has_chromium || return 1
  [ ! -u "${CHROME_DEVEL_SANDBOX:-/usr/lib/chromium/chrome-sandbox}" ] && ! unshare --user --map-root-user true 2>/dev/null
}

has_python() {
  for python in ${PYTHON:-python3 /usr/bin/python3}; do
    if has "$python" && "$python" -c 'import redis.asyncio, fastapi, uvicorn' 2>/dev/null; then return 0; fi
  done
  return 1
}

install_packages() {
  has apt-get || fail "missing: $*, and there is no apt-get here, which Debian and Ubuntu have." \
    "Install $* with what this system has for it, then run this again."
  as_root=''
  if [ "$(id -u)" -ne 0 ]; then
    has sudo || fail "missing: $*. To install it this needs root, and there is no sudo." \
      "Have root run: apt-get update && apt-get install --yes --no-install-recommends $*" "Then run this again."
    as_root=sudo
  fi
  say "installing $* (${as_root:+$as_root }apt-get)"
  log=$(mktemp)
  $as_root apt-get update -qq >"$log" 2>&1 || say 'apt-get update failed; going on with the lists that are there'
  for package in "$@"; do
    apt-cache show "$package" >/dev/null 2>&1 || {
      cat "$log" >&2
      rm -f "$log"
      # Ubuntu has Chromium as a snap only.
      fail "apt-get knows no package $package here. Install it another way" \
        "(for Chromium: Chrome will do, or name one with CHROMIUM_PATH), then run this again."
    }
  done
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >"$log" 2>&1 || {
    cat "$log" >&2
    rm -f "$log"
    fail "apt-get could not install $*; what it said is above."
  }
  say "installed $(sed -n 's/^Setting up \([^ ]*\) .*/\1/p' "$log" | grep -c .) packages of the system: $*, and what they need"
  rm -f "$log"
}

what=${1:-start}
case $what in
  start | test) ;;
  python)
    has_python || install_packages python3-redis python3-fastapi python3-uvicorn
    say 'done; next: npx jest test/docs/ai-service-example'
    exit
    ;;
  *) fail "expected nothing, \"start\", \"test\" or \"python\", got \"$what\"" ;;
esac

has node || fail 'Node is not on PATH. Install Node 24 or 22 from https://nodejs.org/en/download, then run this again.'
node dev/preflight.cjs
has npm || fail 'npm is not on PATH. It comes with Node from https://nodejs.org/en/download.'

missing=''
if ! has "${REDIS_SERVER:-redis-server}"; then
  if [ "$what" = test ] || [ -z "${REDIS_URL:-}" ]; then missing='redis-server'; fi
fi
if [ "$what" = test ]; then
  has_chromium || missing="$missing chromium"
  if needs_sandbox; then missing="$missing chromium-sandbox"; fi
fi
# Names of packages, which have no spaces.
[ -z "$missing" ] || install_packages $missing

if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  say 'installing the npm packages (npm ci)'
  # No package needs its install script (package.json, allowScripts), which npm 10 and older would run.
  npm ci --ignore-scripts --no-fund --no-audit
fi
say "done; next: npm $what"
