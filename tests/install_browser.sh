#!/usr/bin/env bash
# A browser for the tests that open pages: Debian's Chromium, where there is none. Exit status 1: there is none now either.
set -euo pipefail
has_browser() {
  command -v chromium || command -v chromium-browser || command -v google-chrome-stable || command -v google-chrome
} >/dev/null
install_browser() {
  local as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo -n)
  "${as_root[@]}" apt-get update -q &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium fonts-dejavu-core curl
}
if ! has_browser && ! { install_browser && has_browser; }; then
  echo "NO BROWSER, and apt-get install chromium did not bring one: pages cannot be opened. Install chromium by hand." >&2
  exit 1
fi
