/** Finds step kinds: one directory each, loaded when a step of the kind runs. */
import { join } from 'node:path';
import { OsmithError } from '../errors.ts';
import type { Step } from '../plan/types.ts';
import { codeVersion } from '../run/code-version.ts';
import type { StepKind } from './types.ts';

const KINDS = [
  'resolve',
  'fetch',
  'bootstrap',
  'install',
  'hook',
  'program',
  'filesystem',
  'extract',
  'initrd',
  'chunks',
  'ostree-commit',
  'ostree-deploy',
  'ostree-resolve',
  'ostree-pull',
  'ostree-publish',
  'flatpak-resolve',
  'flatpak-pull',
  'flatpak-install',
  'stack',
  'archive',
  'compress',
  'container-image',
  'file-layer',
  'assembly',
  'disk',
  'pxe',
  'pack',
  'install-image',
  'cpio',
  'live',
  'iso',
  'convert',
  'boot-zip',
  'split-off',
  'split-rest',
  'inventory',
  'checksums',
  'sign-key',
  'sign',
  'sbom',
  'source-resolve',
  'source-archive',
  'manifest',
  'config',
  'config-volume',
  'config-overlay',
  'compose',
  'compose-boot',
  'compose-list',
  'compose-root',
  'pkg-resolve',
  'pkg-image',
  'pkg-mirror',
  'pkg-build',
];

function modulePath(kind: string): string {
  if (!KINDS.includes(kind)) throw new OsmithError('E_INTERNAL', `There is no step kind ${kind}`);
  return join(import.meta.dirname, kind, 'run.ts');
}

/** Steps that work for a distribution depend on that distribution's adapter too. */
function adapterPath(step: Step): string[] {
  const distro = step.params['distro'];
  return typeof distro === 'string' ? [join(import.meta.dirname, '..', 'distro', distro, 'index.ts')] : [];
}

/** What runs every step: the sandbox and the making of layers. */
const ENGINE = join(import.meta.dirname, '..', 'run', 'context.ts');

/** Version of the code that will run for a step. */
export function stepCode(step: Step): string {
  return codeVersion([modulePath(step.kind), ...adapterPath(step), ENGINE]);
}

export async function loadKind(kind: string): Promise<StepKind> {
  const module = (await import(modulePath(kind))) as { default: StepKind };
  return module.default;
}
