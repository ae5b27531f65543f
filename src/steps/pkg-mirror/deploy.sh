#!/bin/sh
# Part of an archive mirror: installs from it, without network.
#
#   BUILD_PKGS, BUILD_PKGS_ARCH   packages that are installed here, to build with
#   PKGS, PKGS_ARCH               packages that are unpacked into /out, with all that they need; none of their scripts runs
#
# ARCH is amd64, arm64 or riscv64, the machine that this image is for.
set -eu
arch=$(dpkg --print-architecture)
wanted() { eval "echo \${$1:-} \${$1_$arch:-}"; }
export DEBIAN_FRONTEND=noninteractive

apt-get -q update
# shellcheck disable=SC2046 # words
set -- $(wanted BUILD_PKGS)
[ $# = 0 ] || apt-get -q -y -o Dpkg::Use-Pty=0 install "$@"
# shellcheck disable=SC2046 # words
set -- $(wanted PKGS)
rm -rf /out /in/packages
[ $# = 0 ] || {
  mkdir -p /in/packages/partial
  # As if nothing were installed: the tree gets what this image has, too.
  apt-get -q -y -o Dir::State::status=/dev/null -o Dir::Cache::archives=/in/packages --download-only install "$@"
  rm -rf /in/packages/partial
  sh /usr/lib/osmith/unpack.sh /out no ''
  rm -rf /in /var/lib/apt/lists
}
