#!/bin/sh
# Installs the real servers that some tests publish to. Without root, or without apt, those tests skip and say so.
set -u
packages='openssh-client openssh-server swift-proxy swift-account swift-container swift-object'
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' || missing="${missing-} $package"
done
[ -n "${missing-}" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "tests will be skipped for want of:$missing" >&2
    exit 0
fi
# They are only files for the tests: no service shall start on this machine because of them.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >&2
# shellcheck disable=SC2086 # a list of words
apt-get install -y -qq --no-install-recommends $missing >&2 ||
    echo "tests will be skipped: these packages cannot be installed:$missing" >&2
exit 0
