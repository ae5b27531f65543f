#!/bin/bash
# dracut: osmith-boot-link before ostree-prepare-root.

check() {
  return 0
}

depends() {
  echo ostree
}

install() {
  inst_multiple cat ln
  inst_script "$moddir/osmith-boot-link" /usr/lib/osmith/osmith-boot-link
  inst_simple "$moddir/boot-link.conf" "$systemdsystemunitdir/ostree-prepare-root.service.d/boot-link.conf"
}
