#!/bin/sh
# Installs the system packages that are missing: `scripts/packages.sh run`, `… test` or `… clients`.
#
# What is there already is not touched, so a second call costs a few milliseconds. As root on
# Debian or Ubuntu it installs; for anyone else it says what to install and stops.
set -eu

missing=""

# need PROGRAM PACKAGE: the package is wanted unless the program is on the path.
need() {
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

# need_font: the demo and the tests draw text with DejaVu Sans.
need_font() {
    for folder in /usr/share/fonts /usr/local/share/fonts "${HOME:-/nonexistent}/.fonts" /Library/Fonts; do
        [ -d "$folder" ] || continue
        [ -z "$(find "$folder" -name DejaVuSans.ttf 2>/dev/null | head -n 1)" ] || return 0
    done
    missing="$missing fonts-dejavu-core"
}

purpose=${1:-run}
case "$purpose" in
run | test | clients) ;;
*)
    echo "usage: scripts/packages.sh run|test|clients" >&2
    exit 2
    ;;
esac

need cc "gcc libc6-dev"
# The allocator is built by its own makefile.
need make make
need ffmpeg ffmpeg
need ffprobe ffmpeg
need setpriv util-linux
need_font
if [ "$purpose" != run ]; then
    need ip iproute2
    need unshare util-linux
    need tv_validate_file xmltv-util
    need xmllint libxml2-utils
    need hdhomerun_config hdhomerun-config
    need openssl openssl
    # A cache in front of the server; Debian keeps it off a user's path.
    [ -x /usr/sbin/nginx ] || need nginx nginx-light
    # Browser tests drive Chromium through playwright-core from npm.
    need chromium chromium
    need node nodejs
    need npm npm
fi
if [ "$purpose" = clients ]; then
    need vlc "vlc-bin vlc-plugin-base"
fi

missing=$(printf '%s\n' $missing | sort -u | tr '\n' ' ')
missing=${missing% }
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "Please install these first (Debian's names): $missing" >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "Some system packages are missing. Please run:" >&2
    echo "    sudo apt-get install --no-install-recommends $missing" >&2
    exit 1
fi

echo "installing $missing"
export DEBIAN_FRONTEND=noninteractive
install="apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends $missing"
# The package lists of a fresh machine are empty or old, so the first refusal refreshes them.
$install </dev/null >/dev/null 2>&1 || {
    apt-get -q -o DPkg::Lock::Timeout=300 update </dev/null >/dev/null
    $install </dev/null
}
