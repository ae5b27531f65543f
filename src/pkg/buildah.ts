/** buildah: argument lists. It runs without a daemon as root of the sandbox's own user namespace, whose network it shares. */

const COMMON = [
  'buildah',
  '--root',
  '/work/storage',
  '--runroot',
  '/work/run',
  '--storage-driver',
  'overlay',
];

/** Takes an image out of a layout into its own storage; prints the image's id. */
export function pullArgs(layout: string, name: string): string[] {
  return [...COMMON, 'pull', '--quiet', `oci:${layout}:${name}`];
}

export interface BuildRequest {
  arch: string;
  epoch: number;
  dockerfile: string;
  context: string;
  labels: Readonly<Record<string, string>>;
  args: Readonly<Record<string, string>>;
}

/** The image that a build makes is called this. */
export const BUILT = 'localhost/osmith-package:built';

export function buildArgs(request: BuildRequest): string[] {
  const { arch, epoch, dockerfile, context, labels, args } = request;
  const each = (option: string, values: Readonly<Record<string, string>>) =>
    Object.entries(values).flatMap(([key, value]) => [option, `${key}=${value}`]);
  return [
    ...[...COMMON, 'build', '--isolation', 'chroot', '--layers=false', '--pull=never', '--network', 'host'],
    ...['--timestamp', String(epoch), '--omit-history', '--identity-label=false', '--format', 'oci'],
    ...['--platform', `linux/${arch}`, '--file', dockerfile, '--tag', BUILT],
    ...each('--label', labels),
    ...each('--build-arg', args),
    context,
  ];
}

/** Writes the built image as a layout. */
export function pushArgs(layout: string): string[] {
  return [...COMMON, 'push', '--quiet', BUILT, `oci:${layout}:image`];
}
