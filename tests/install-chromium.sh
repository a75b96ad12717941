#!/bin/sh
# The browser of the browser tests, on a bare machine: `make test` runs this where CI=true. Does nothing where there is
# one already. The names are those that tests/browser.py looks for.
set -eu

for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name" > /dev/null; then exit 0; fi
done
if ! command -v apt-get > /dev/null; then
    echo "install Chromium or Chrome: the tests of the pages need one of them" >&2
    exit 1
fi

as_root=
if [ "$(id -u)" != 0 ]; then as_root="sudo -n"; fi
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -q
# The fonts: what a page shows of other scripts, and of emoji, is looked at as a picture.
$as_root apt-get install -y -q --no-install-recommends chromium fonts-dejavu-core fonts-noto-core fonts-noto-color-emoji
