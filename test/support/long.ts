/** What takes minutes: `make test-all` runs it, `make test` does not. */
export const LONG = process.env['OSMITH_TEST'] === 'all';

/** Whole files of that kind. */
export const LONG_FILES = [
  'test/alpine.test.ts',
  'test/boot-arch.test.ts',
  'test/boot-entries.test.ts',
  'test/boot-fedora.test.ts',
  'test/boot-podman.test.ts',
  'test/container-arch.test.ts',
  'test/distros-foreign.test.ts',
  'test/edge-arm64.test.ts',
  'test/edge-machines.test.ts',
  'test/flatpak-faults.test.ts',
  // The same formats of the edge's disk are in test/edge.test.ts, each for itself in src/steps/convert.
  'test/formats.test.ts',
  'test/live-update.test.ts',
  'test/os-image.test.ts',
  'test/ostree-pull.test.ts',
  'test/pkg-mirror.test.ts',
  'test/publish.test.ts',
  'test/tools-layers.test.ts',
];
