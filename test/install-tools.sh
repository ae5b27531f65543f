#!/bin/sh
# Installs the independent programs that tests compare with and the servers that they talk to. Who may not install gets
# a line that says what is missing: tests that need it skip, and say so.
set -eu

packages='
  apt-utils busybox-static cpio dosfstools erofs-utils fdisk gdisk grub-common grub-pc-bin jsonnet kmod mtools qemu-utils
  genisoimage libxml2-utils squashfs-tools unzip xorriso xz-utils zstd
  flatpak gnupg openssl ostree python3
  createrepo-c docker-registry golang-go libarchive-tools makepkg pacman-package-manager rpm skopeo umoci
  openssh-client openssh-server swift-account swift-container swift-object swift-proxy
'

missing=
for package in $packages; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
  [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
  as_root() { env "$@"; }
elif sudo -n true 2>/dev/null; then
  as_root() { sudo env "$@"; }
else
  echo "Some tests will be skipped. For all of them: apt-get install$missing" >&2
  exit 0
fi

apt() { as_root DEBIAN_FRONTEND=noninteractive apt-get -qq "$@"; }
# shellcheck disable=SC2086 # words
add() { apt install -y --no-install-recommends $missing; }

echo "Installing for the tests:$missing" >&2
log=$(mktemp)
# Tests start the servers themselves, with a configuration of their own: none shall run because it was installed.
policy=/usr/sbin/policy-rc.d
if [ -e "$policy" ]; then
  trap 'rm -f "$log"' EXIT
else
  trap 'rm -f "$log"; as_root rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod 755 "$policy"
fi
# The package lists may be old, or not there at all.
if ! add >"$log" 2>&1 && ! { apt update && add; } >"$log" 2>&1; then
  tail -n 5 "$log" >&2
  echo 'Some tests will be skipped: their programs cannot be installed.' >&2
fi
