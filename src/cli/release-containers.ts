/** `osmith release` to a registry (docker://…) or to the repository of a Docker official image (git+…). */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../config/index.ts';
import { officialSettings, variantNames } from '../release/official/settings.ts';
import { type OfficialReport, releaseOfficial } from '../release/official/publish.ts';
import { checkClean } from '../release/official/refs.ts';
import { type RegistryReport, releaseToRegistry } from '../release/registry.ts';
import { styleFor } from '../report/style.ts';
import { globals } from './globals.ts';
import { interruption } from './signals.ts';
import { checkText } from './verify-text.ts';

const REGISTRY = 'docker://';
const GIT = 'git+';

export interface BuiltVariant {
  dir: string;
  config: Config;
}

interface Options {
  target: string;
  dryRun: boolean;
  /** Where a release to git leaves what it made. */
  handover: string;
}

export function isContainerTarget(target: string): boolean {
  return target.startsWith(REGISTRY) || target.startsWith(GIT);
}

export async function releaseContainers(
  command: Command,
  builds: readonly [BuiltVariant, ...BuiltVariant[]],
  { target, dryRun, handover }: Options,
): Promise<void> {
  const { json } = globals(command);
  const print = (report: object, text: () => string) =>
    process.stdout.write(json ? `${JSON.stringify({ type: 'release', dryRun, ...report })}\n` : text());
  if (target.startsWith(REGISTRY)) {
    const dirs = builds.map(({ dir }) => dir);
    const place = target.slice(REGISTRY.length);
    const report = await releaseToRegistry({ dirs, target: place, dryRun, signal: interruption });
    print(report, () => registryText(report, dryRun));
    return;
  }
  const [{ config }] = builds;
  const settings = officialSettings(config);
  if (!dryRun) await checkClean(config.workspace, 'The workspace', interruption);
  const report = await releaseOfficial({
    ...{ settings, dryRun, out: resolve(handover), signal: interruption },
    repository: target.slice(GIT.length),
    builds: builds.map((build) => ({ dir: build.dir, names: variantNames(build.config) })),
  });
  print(report, () => officialText(report, dryRun));
}

function registryText({ action, reference, digest, images }: RegistryReport, dry: boolean): string {
  const style = styleFor(process.stdout);
  const rows = images
    .map((image) => `  ${image.arch.padEnd(8)} ${image.version}  ${image.digest}\n`)
    .join('');
  const done = dry ? 'would be pushed' : 'pushed';
  const what = action === 'nothing' ? 'nothing to release, the registry has the same' : done;
  return `${rows}${reference}: ${style(['green', 'bold'], what)}  ${digest}\n`;
}

function officialText(report: OfficialReport, dry: boolean): string {
  const { files, checks, text, commit, tag, branch, pushed, proposal, library, pullRequest } = report;
  const style = styleFor(process.stdout);
  const state = dry ? 'would be pushed' : pushed ? 'pushed' : 'was there already';
  const name = (ref: string) => ref.replace(/^refs\/(heads|tags)\//, '');
  const proposed =
    proposal === undefined
      ? []
      : [
          typeof proposal === 'string'
            ? `proposal: ${proposal}; the text of its pull request is in ${pullRequest}`
            : `pull request: ${proposal.opened}`,
        ];
  return [
    ...files.map(({ path, size }) => `${(size / 1e6).toFixed(1).padStart(8)} MB  ${path}`),
    '',
    text,
    ...checks.map((check) => checkText(check, style).trimEnd()),
    '',
    `${library}, ${pullRequest}`,
    `commit ${commit}, branch ${name(branch)}, tag ${name(tag)}: ${style(['green', 'bold'], state)}`,
    ...proposed,
    '',
  ].join('\n');
}
