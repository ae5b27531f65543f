/** Steps of a system that is deployed from an OSTree commit: commit, repository, deployment, disk. */
import type { Config } from '../config/index.ts';
import { isSafeCmdline } from '../disk/boot-slots.ts';
import { OsmithError } from '../errors.ts';
import type { BootFiles } from '../distro/types.ts';
import {
  bootFiles,
  CONVERTED,
  kernelCmdline,
  partitionLayout,
  sizeParam,
  type Output,
  type Packaged,
} from './package.ts';
import { sourceInput } from './source.ts';
import type { Input, Json, Step, StepInput } from './types.ts';

const STAGE = 'package';

function from(id: string, output: string): StepInput {
  return { step: `${STAGE}/${id}`, output };
}

/** An OSTree ref: names with slashes between them. */
function refOf(config: Config): string {
  const ref = config.get('ostree', 'ref');
  if (/^\w[\w.-]*(\/\w[\w.-]*)*$/.test(ref)) return ref;
  throw new OsmithError('E_CONFIG', `ostree.ref is no name of a branch: ${JSON.stringify(ref)}`, {
    where: config.where('ostree', 'ref'),
    hint: 'Use names of letters, digits and . _ - with / between them',
  });
}

/** Name of the stateroot, which is a directory, and of the remote. */
function osOf(config: Config): string {
  const os = config.get('ostree', 'os');
  if (/^[A-Za-z0-9][\w.-]*$/.test(os)) return os;
  throw new OsmithError('E_CONFIG', `ostree.os is no name of an operating system: ${JSON.stringify(os)}`, {
    where: config.where('ostree', 'os'),
    hint: 'Use letters, digits and . _ -',
  });
}

function text(config: Config, option: string): string {
  return config.find('ostree', option)?.trim() ?? '';
}

/** The public keys as an input, where there are any. */
function keysInput(config: Config): Record<string, Input> {
  const path = text(config, 'keys');
  return path === '' ? {} : { keys: sourceInput(config.workspace, path) };
}

/** Without keys nothing could ever be taken from there. */
function requireKeys(config: Config, option: string): void {
  if (!config.bool('ostree', 'gpg_verify') || text(config, 'keys') !== '') return;
  throw new OsmithError(
    'E_CONFIG',
    `ostree.${option} is set, but ostree.keys is not: no commit could be verified`,
    {
      where: config.where('ostree', option),
      hint: 'Set ostree.keys to the file of the public keys, or ostree.gpg_verify = false to trust whoever answers',
    },
  );
}

/** The command line stands in boot loader entries, which GRUB runs as scripts. */
function kernelArguments(config: Config): string[] {
  const cmdline = kernelCmdline(config);
  if (isSafeCmdline(cmdline)) return cmdline.split(' ').filter(Boolean);
  throw new OsmithError('E_CONFIG', `image.cmdline has characters that GRUB takes for its own: ${cmdline}`, {
    where: config.where('image', 'cmdline'),
    hint: 'Leave out ; & | < > { } $ and quotes that are not closed',
  });
}

type MakeStep = (id: string, kind: string, params: Step['params'], inputs: Step['inputs']) => Step;

/** The two steps that bring a commit from a remote repository: only the first one looks for which one it is. */
function pullSteps(
  step: MakeStep,
  [resolve, pull]: [string, string],
  source: { url: string; mirror: string; ref: string; gpgVerify: boolean },
  keys: Record<string, Input>,
): Step[] {
  return [
    { ...step(resolve, 'ostree-resolve', source, keys), network: true },
    { ...step(pull, 'ostree-pull', source, { ...keys, commit: from(resolve, 'commit') }), network: true },
  ];
}

/** The commit of the last release, where there is one. */
function previousSteps(config: Config, step: MakeStep, ref: string): Step[] {
  const url = text(config, 'previous_url');
  if (url === '') return [];
  requireKeys(config, 'previous_url');
  const source = { url, mirror: '', ref, gpgVerify: config.bool('ostree', 'gpg_verify') };
  return pullSteps(step, ['previous', 'previous-repo'], source, keysInput(config));
}

/** A commit that was made elsewhere, in place of one of packages. */
function pulledSteps(config: Config, step: MakeStep, ref: string): Step[] {
  requireKeys(config, 'pull_url');
  for (const group of ['content', 'image', 'manifest']) {
    if (config.list(group, 'hooks').length === 0) continue;
    throw new OsmithError(
      'E_CONFIG',
      `${group}.hooks cannot change a system that comes from ostree.pull_url`,
      {
        where: config.where(group, 'hooks'),
        hint: 'Take the hooks away, or make the commit here',
      },
    );
  }
  const gpgVerify = config.bool('ostree', 'gpg_verify');
  const source = { url: text(config, 'pull_url'), mirror: text(config, 'pull_mirror'), ref, gpgVerify };
  return [
    ...pullSteps(step, ['resolve', 'commit'], source, keysInput(config)),
    step('publish', 'ostree-publish', { signingKey: '', previous: false }, { repo: from('commit', 'repo') }),
  ];
}

/** Where the boot loaders and the kernel are in the sysroot of a commit that was made elsewhere. */
function deployedFiles({ shim, grub, mm }: BootFiles, os: string): Record<string, string> {
  const inside = (path: string) => `ostree/deploy/${os}/deploy/*/${path}`;
  return {
    vmlinuz: 'boot/ostree/*/vmlinuz-*',
    ...{ shim: inside(shim), grub: inside(grub), mm: inside(mm) },
  };
}

/** Commit, and the repository that is published. */
function commitSteps(config: Config, step: MakeStep, ref: string, root: StepInput): Step[] {
  const previous = previousSteps(config, step, ref);
  const parent = previous.length > 0;
  const signingKey = text(config, 'signing_key');
  if (signingKey !== '') requireKeys(config, 'signing_key');
  const commit = {
    ...{ ref, subject: config.get('image', 'title'), version: text(config, 'version') },
    ...{ collectionId: text(config, 'collection_id'), parent },
  };
  return [
    ...previous,
    step('commit', 'ostree-commit', commit, {
      root,
      ...(parent ? { parent: from('previous', 'commit') } : {}),
    }),
    {
      ...step(
        'publish',
        'ostree-publish',
        { signingKey, previous: parent },
        { repo: from('commit', 'repo'), ...(parent ? { previous: from('previous-repo', 'repo') } : {}) },
      ),
      ...(signingKey === '' ? {} : { credentials: ['gpg'] }),
    },
  ];
}

/** What the shipped system follows; null: nothing. */
function remoteOf(config: Config): Json {
  const url = text(config, 'url');
  if (url === '') return null;
  requireKeys(config, 'url');
  const gpgVerify = config.bool('ostree', 'gpg_verify');
  // The running system checks what it runs, not only what it fetches.
  if (gpgVerify && text(config, 'signing_key') === '' && text(config, 'pull_url') === '') {
    throw new OsmithError(
      'E_CONFIG',
      'ostree.url is set, but ostree.signing_key is not: the system would refuse itself',
      {
        where: config.where('ostree', 'url'),
        hint: 'Set ostree.signing_key, or ostree.gpg_verify = false to ship a system that trusts whoever answers',
      },
    );
  }
  const keys = text(config, 'keys') !== '';
  return { name: osOf(config), url, gpgVerify, keys, collectionId: text(config, 'collection_id') };
}

/** Sysroot, root file system and disk. Without a signature the disk is the same bits again. */
function diskSteps(
  config: Config,
  step: MakeStep,
  { name, arch, ref }: { name: string; arch: string; ref: string },
): [deployment: Step, ...Step[]] {
  const boot = bootFiles(config, arch);
  const os = osOf(config);
  const title = config.get('image', 'title');
  const remote = remoteOf(config);
  const keys = remote === null ? {} : keysInput(config);
  const signed = text(config, 'signing_key') !== '' && text(config, 'pull_url') === '';
  const repo = from(signed ? 'publish' : 'commit', 'repo');
  const kargs = kernelArguments(config);
  const loaders = Object.fromEntries(['shim', 'grub', 'mm'].map((file) => [file, from('boot-files', file)]));
  return [
    step('deployment', 'ostree-deploy', { os, ref, kargs, remote }, { repo, ...keys }),
    step(
      'root',
      'filesystem',
      { format: 'ext4', label: 'ostree', headroom: config.size('image', 'headroom') },
      { root: from('deployment', 'sysroot') },
    ),
    step(
      'disk',
      'disk',
      {
        ...{ layout: partitionLayout(config), arch, system: 'ostree', name, cmdline: '', title },
        ...{ label: 'EFI', grubDir: boot.grubDir, bios: arch === 'amd64' },
        ...sizeParam(config, 'max_size', 'maxSize'),
      },
      { ...loaders, root: from('root', 'image') },
    ),
    ...CONVERTED.map((format) => step(format, 'convert', { format }, { raw: from('disk', 'raw') })),
  ];
}

/** For systems that are deployed from an OSTree commit. */
export function ostreeSteps(
  config: Config,
  { name, arch }: { name: string; arch: string },
  root: StepInput,
  tools: { tools?: string },
): Packaged {
  const ref = refOf(config);
  const step: MakeStep = (id, kind, params, inputs) => ({
    ...{ id: `${STAGE}/${id}`, kind, stage: STAGE, params, inputs, ...tools },
  });
  const pulled = text(config, 'pull_url') !== '';
  const boot = bootFiles(config, arch);
  const { vmlinuz, shim, grub, mm } = boot;
  const sysroot = from('deployment', 'sysroot');
  const [first, ...rest] = diskSteps(config, step, { name, arch, ref });
  const steps = [
    ...(pulled ? pulledSteps(config, step, ref) : commitSteps(config, step, ref, root)),
    step('repo', 'archive', { what: 'the OSTree repository' }, { tree: from('publish', 'repo') }),
    first,
    pulled
      ? step('boot-files', 'extract', { files: deployedFiles(boot, osOf(config)) }, { root: sysroot })
      : step('boot-files', 'extract', { files: { vmlinuz, shim, grub, mm } }, { root }),
    ...rest,
  ];
  const outputs = new Map<string, Output>([
    ['raw', { extension: 'raw', from: from('disk', 'raw') }],
    ['ostree', { extension: 'ostree.tar', from: from('repo', 'tar') }],
    ...CONVERTED.map((format): [string, Output] => [
      format,
      { extension: format, from: from(format, 'file') },
    ]),
  ]);
  return { steps, outputs, ...(pulled ? { commit: from('commit', 'repo') } : {}) };
}
