/** Steps of a system that is deployed from an OSTree commit: commit, repository, deployment, disk. */
import type { Config } from '../config/index.ts';
import { isSafeCmdline } from '../disk/boot-slots.ts';
import { OsmithError } from '../errors.ts';
import { deployedBoot, loaderOf, type Loader } from './ostree-boot.ts';
import { namesParam, signedBootFiles } from './boot-files.ts';
import { kernelCmdline, type Output, type Packaged } from './outputs.ts';
import { diskFormats, LIMITED, type MakeStep } from './disk-formats.ts';
import { liveIso } from './iso.ts';
import { limitsOf, type LimitOf, sizeParam } from './limits.ts';
import { withApps } from './flatpak.ts';
import { partitionLayout } from './partitions.ts';
import { commitSteps, pulledSteps, type Refs } from './ostree-commit.ts';
import { keysInput, osOf, ostreeText, refOf, requireKeys, stateroot } from './ostree-options.ts';
import { splitSteps } from './split.ts';
import { isoTools } from './tools.ts';
import type { Json, Step, StepInput } from './types.ts';

const STAGE = 'package';

function from(id: string, output: string): StepInput {
  return { step: `${STAGE}/${id}`, output };
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

/** What the shipped system follows; null: nothing. */
function remoteOf(config: Config): Json {
  const url = ostreeText(config, 'url');
  if (url === '') return null;
  requireKeys(config, 'url');
  const gpgVerify = config.bool('ostree', 'gpg_verify');
  // The running system checks what it runs, not only what it fetches.
  if (gpgVerify && ostreeText(config, 'signing_key') === '' && ostreeText(config, 'pull_url') === '') {
    throw new OsmithError(
      'E_CONFIG',
      'ostree.url is set, but ostree.signing_key is not: the system would refuse itself',
      {
        where: config.where('ostree', 'url'),
        hint: 'Set ostree.signing_key, or ostree.gpg_verify = false to ship a system that trusts whoever answers',
      },
    );
  }
  const keys = ostreeText(config, 'keys') !== '';
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
  const boot = signedBootFiles(config, arch);
  const os = osOf(config);
  const title = config.get('image', 'title');
  const remote = remoteOf(config);
  const keys = remote === null ? {} : keysInput(config);
  const signed = ostreeText(config, 'signing_key') !== '' && ostreeText(config, 'pull_url') === '';
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
        ...{ label: 'EFI', grubDir: boot.grubDir, ...namesParam(boot), bios: loader.bios },
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
  const pulled = ostreeText(config, 'pull_url') !== '';
  const sysroot = from('deployment', 'sysroot');
  const raw = from('disk', 'raw');
  const limit = limitsOf(config, LIMITED);
  const further = diskFormats({ config, name, step, raw, limit });
  const iso = isoTools(config);
  const os = osOf(config);
  const trees = { root: pulled ? undefined : root, sysroot, os };
  const boot = signedBootFiles(config, arch);
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
        ...{
          config,
          arch,
          grubDir: boot.grubDir,
          ...namesParam(boot),
          step,
          limit,
          tools: iso.tools,
          cmdline: '',
        },
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
