/** Steps of a system that is deployed from an OSTree commit: commit, repository, deployment, disk. */
import type { Config } from '../config/index.ts';
import { isSafeCmdline } from '../disk/boot-slots.ts';
import { OsmithError } from '../errors.ts';
import { deployedBoot, loaderOf, type Loader } from './ostree-boot.ts';
import { bootFiles, kernelCmdline, type Output, type Packaged } from './package.ts';
import { diskFormats, LIMITED, type MakeStep } from './disk-formats.ts';
import { liveIso } from './iso.ts';
import { limitsOf, type LimitOf, sizeParam } from './limits.ts';
import { withApps } from './flatpak.ts';
import { partitionLayout } from './partitions.ts';
import { activeHooks } from './hooks.ts';
import { splitSteps } from './split.ts';
import { sourceInput } from './source.ts';
import { isoTools } from './tools.ts';
import type { Input, Json, Step, StepInput } from './types.ts';

const STAGE = 'package';

function from(id: string, output: string): StepInput {
  return { step: `${STAGE}/${id}`, output };
}

/** An OSTree ref: names with slashes between them. */
function refOf(config: Config, option: 'ref' | 'ref_deploy'): string {
  const ref = config.get('ostree', option);
  if (/^\w[\w.-]*(\/\w[\w.-]*)*$/.test(ref)) return ref;
  throw new OsmithError('E_CONFIG', `ostree.${option} is no name of a branch: ${JSON.stringify(ref)}`, {
    where: config.where('ostree', option),
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

/** Where the deployments' /var is: below it is all that belongs to the machine. */
export function stateroot(config: Config): string {
  return `ostree/deploy/${osOf(config)}`;
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

/** The two steps that bring a commit from a remote repository: only the first one looks for which one it is. */
function pullSteps(
  step: MakeStep,
  [resolve, pull]: [string, string],
  source: { url: string; mirror: string; ref: string; gpgVerify: boolean; p2p: boolean },
  keys: Record<string, Input>,
): Step[] {
  return [
    { ...step(resolve, 'ostree-resolve', source, keys), network: true },
    { ...step(pull, 'ostree-pull', source, { ...keys, commit: from(resolve, 'commit') }), network: true },
  ];
}

/** The commit of the last release, which machines have, where there is one. */
function previousSteps(config: Config, step: MakeStep, ref: string): Step[] {
  const url = text(config, 'previous_url');
  if (url === '') return [];
  requireKeys(config, 'previous_url');
  const source = { url, mirror: '', ref, gpgVerify: config.bool('ostree', 'gpg_verify'), p2p: false };
  return pullSteps(step, ['previous', 'previous-repo'], source, keysInput(config));
}

/** Branch of the commit, and the one that machines follow. */
interface Refs {
  ref: string;
  refDeploy: string;
}

function publishParams(config: Config, { refDeploy }: Refs): { refDeploy: string; scratchDelta: boolean } {
  return { refDeploy, scratchDelta: config.bool('ostree', 'scratch_delta') };
}

/** A commit that was made elsewhere, in place of one of packages. */
function pulledSteps(config: Config, step: MakeStep, refs: Refs): Step[] {
  requireKeys(config, 'pull_url');
  for (const group of ['content', 'image', 'manifest'] as const) {
    const hooks = activeHooks(config, group);
    if (hooks.length === 0) continue;
    throw new OsmithError(
      'E_CONFIG',
      `${group}.hooks cannot change a system that comes from ostree.pull_url: ${hooks.join(' ')}`,
      {
        where: config.where(group, 'hooks'),
        hint: 'Take the hooks, or the options that they are for, away, or make the commit here',
      },
    );
  }
  const source = {
    ...{ url: text(config, 'pull_url'), mirror: text(config, 'pull_mirror'), ref: refs.ref },
    gpgVerify: config.bool('ostree', 'gpg_verify'),
    p2p: config.bool('ostree', 'enable_p2p_updates'),
  };
  const published = { signingKey: '', previous: false, ...publishParams(config, refs) };
  return [
    ...pullSteps(step, ['resolve', 'commit'], source, keysInput(config)),
    step('publish', 'ostree-publish', published, { repo: from('commit', 'repo') }),
  ];
}

/** Commit, and the repository that is published. */
function commitSteps(config: Config, step: MakeStep, refs: Refs, root: StepInput): Step[] {
  const previous = previousSteps(config, step, refs.refDeploy);
  const parent = previous.length > 0;
  const signingKey = text(config, 'signing_key');
  if (signingKey !== '') requireKeys(config, 'signing_key');
  const commit = {
    ...{ ...refs, subject: config.get('image', 'title'), version: text(config, 'version') },
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
        { signingKey, previous: parent, ...publishParams(config, refs) },
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
  return { name: osOf(config), url, gpgVerify, keys, p2p: config.bool('ostree', 'enable_p2p_updates') };
}

/** Sysroot, root file system and disk. Without a signature the disk is the same bits again. */
function diskSteps(
  config: Config,
  step: MakeStep,
  { name, arch, refs, loader }: { name: string; arch: string; refs: Refs; loader: Loader },
  apps: StepInput | undefined,
  limit: LimitOf,
): { deployment: Step; rest: Step[]; outputs: [string, Output][] } {
  const boot = bootFiles(config, arch);
  const os = osOf(config);
  const title = config.get('image', 'title');
  const remote = remoteOf(config);
  const keys = remote === null ? {} : keysInput(config);
  const signed = text(config, 'signing_key') !== '' && text(config, 'pull_url') === '';
  const repo = from(signed ? 'publish' : 'commit', 'repo');
  const kargs = kernelArguments(config);
  const { firmware } = loader;
  const extracted = [...loader.onEsp, ...Object.keys({ ...firmware.files, ...firmware.sets })];
  const started = Object.fromEntries(extracted.map((file) => [file, from('boot-files', file)]));
  const deployed = { id: `${STAGE}/sysroot`, stage: STAGE, base: from('deployment', 'sysroot') };
  const { steps: stack, tree } = withApps(apps, deployed);
  const split = splitSteps({ config, arch, name, step, limit, root: stateroot(config), tree });
  const root = split?.rest ?? tree;
  const deployment = step('deployment', 'ostree-deploy', { os, ...refs, kargs, remote }, { repo, ...keys });
  const rest = [
    ...stack,
    ...(split?.steps ?? []),
    step(
      'root',
      'filesystem',
      {
        format: 'ext4',
        label: 'ostree',
        headroom: config.size('image', 'headroom'),
        percent: config.int('image', 'headroom_percent'),
        // By which a running machine knows the image that it came from, whatever it has become since.
        xattrs: { 'user.osmith-image-version': name },
      },
      { root },
    ),
    step(
      'disk',
      'disk',
      {
        ...{ layout: partitionLayout(config), arch, system: loader.system, name, cmdline: '', title },
        ...{ label: 'EFI', grubDir: boot.grubDir, bios: loader.bios },
        ...firmware.onEsp,
        ...sizeParam(config, 'max_size', 'maxSize'),
      },
      { ...started, root: from('root', 'image') },
    ),
  ];
  return { deployment, rest, outputs: split?.outputs ?? [] };
}

function bootFilesParams({ files, firmware }: Loader): Step['params'] {
  const sets = Object.keys(firmware.sets).length === 0 ? {} : { sets: firmware.sets };
  return { files: { ...files, ...firmware.files }, ...sets };
}

/** For systems that are deployed from an OSTree commit. */
export function ostreeSteps(
  config: Config,
  { name, arch }: { name: string; arch: string },
  root: StepInput,
  tools: { tools?: string },
  apps?: StepInput,
): Packaged {
  const refs = { ref: refOf(config, 'ref'), refDeploy: refOf(config, 'ref_deploy') };
  const step: MakeStep = (id, kind, params, inputs) => ({
    ...{ id: `${STAGE}/${id}`, kind, stage: STAGE, params, inputs, ...tools },
  });
  const pulled = text(config, 'pull_url') !== '';
  const sysroot = from('deployment', 'sysroot');
  const raw = from('disk', 'raw');
  const limit = limitsOf(config, LIMITED);
  const further = diskFormats({ config, name, step, raw, limit });
  const iso = isoTools(config);
  const os = osOf(config);
  const trees = { root: pulled ? undefined : root, sysroot, os };
  const boot = bootFiles(config, arch);
  const loader = loaderOf(config, arch, boot, trees);
  const live = deployedBoot(boot, os);
  const disks = diskSteps(config, step, { name, arch, refs, loader }, apps, limit);
  const steps = [
    ...(pulled ? pulledSteps(config, step, refs) : commitSteps(config, step, refs, root)),
    step('repo', 'archive', { what: 'the OSTree repository' }, { tree: from('publish', 'repo') }),
    disks.deployment,
    step('boot-files', 'extract', bootFilesParams(loader), { root: loader.tree }),
    ...disks.rest,
    step('deployed-boot', 'extract', { files: live }, { root: sysroot }),
    ...further.steps,
    ...iso.steps,
    ...liveIso(
      {
        ...{ config, arch, grubDir: boot.grubDir, step, limit, tools: iso.tools, cmdline: '' },
        boot: Object.fromEntries(Object.keys(live).map((file) => [file, from('deployed-boot', file)])),
      },
      raw,
      from('deployed-boot', 'entry'),
    ),
  ];
  const outputs = new Map<string, Output>([
    ['raw', { extension: 'raw', from: from('disk', 'raw') }],
    ['ostree', { extension: 'ostree.tar', from: from('repo', 'tar') }],
    ['ostree.txt', { extension: 'ostree.txt', from: from('deployment', 'description') }],
    ['iso', { extension: 'iso', from: from('iso', 'file'), unpacked: raw }],
    ...further.outputs,
    ...disks.outputs,
  ]);
  const kernel = from('boot-files', 'vmlinuz');
  return {
    steps,
    outputs,
    kernel,
    deployment: sysroot,
    ...(pulled ? { commit: from('commit', 'repo') } : {}),
  };
}
