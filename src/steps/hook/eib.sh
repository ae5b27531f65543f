# What hooks written for the Endless image builder call, in terms of lib.sh.
. "${BASH_SOURCE[0]%/*}/lib"
shopt -s nullglob extglob
set -E

eib_outfile() { printf '%s\n' "${EIB_OUTDIR}/${EIB_OUTVERSION}.$1"; }
eib_retry() {
  RETRY_ATTEMPTS=${EIB_RETRY_ATTEMPTS:-10} RETRY_INTERVAL=${EIB_RETRY_INTERVAL:-1} retry "$@"
}
eib_write_version_xattr() { setfattr -n user.eos-image-version -v "$EIB_OUTVERSION" "$1"; }
eib_compress_image() { compress "$@"; }
ostree_uid() { uid_of "$@"; }
ostree_gid() { gid_of "$@"; }
ostree_write_refs() { install -D -m 644 "$1/refs/heads/$2" "$1/refs/heads/$3"; }
# There the key is an option, here an argument.
sign_file() {
  [ -z "${EIB_IMAGE_SIGNING_KEYID:-}" ] ||
    gpg --batch --yes --armor --local-user "$EIB_IMAGE_SIGNING_KEYID" --output "${2:-$1.asc}" --detach-sign "$1"
}

# A build mounts nothing and has no devices.
for _name in eib_mount eib_umount eib_umount_all eib_partx_scan eib_partx_delete eib_delete_loop eib_udevadm_settle \
  eib_fix_boot_checksum; do
  eval "$_name() { echo '$_name: hooks cannot mount or use devices here' >&2; return 1; }"
done
unset _name
