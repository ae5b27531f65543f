/** `osmith diff`: what two builds, releases, images or trees have different. */
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { compareBuilds, readBuild } from '../diff/builds.ts';
import { compareListings } from '../diff/compare.ts';
import { listPath } from '../diff/read.ts';
import { buildReport, htmlReport, textReport, treeReport, type Report } from '../diff/report.ts';
import { pathMatcher } from '../disk/path-pattern.ts';
import { OsmithError } from '../errors.ts';
import { collect } from './arguments.ts';
import { withReadContext } from './diff-tools.ts';
import { globals, reporterFor } from './globals.ts';
import { interruption } from './signals.ts';
import { addVariantOptions, loadVariant } from './variant.ts';

interface Flags {
  html?: string;
  ignore: string[];
  content?: boolean;
}

/** Made anew by every build, or its name: what rootfs-diff of EVE takes out before it compares. */
const ALWAYS_IGNORED = [
  '**/lib/modules/*/signing_key.x509',
  'etc/eve-release',
  'etc/linuxkit-eve-config.yml',
];

export function register(program: Command): void {
  const command = program
    .command('diff')
    .description('compare two builds or releases by what they are made of, images and trees by their files')
    .argument('<a>', 'directory of a build, of releases or of files; an image; a URL or token of a release')
    .argument('<b>', 'what to compare it with');
  addVariantOptions(command)
    .option('--html <file>', 'write a page that shows the differences')
    .option('--ignore <pattern>', 'leave out these paths, such as "var/log/**" (repeatable)', collect, [])
    .option('--content', 'compare what files contain, not who owns them and may use them')
    .action(async (a: string, b: string, _branch: string | undefined, flags: Flags) =>
      run(command, a, b, flags),
    );
}

async function run(command: Command, a: string, b: string, flags: Flags): Promise<void> {
  const { json } = globals(command);
  const [left, right] = [await readBuild(a, interruption), await readBuild(b, interruption)];
  if ((left === undefined) !== (right === undefined)) {
    const [build, other] = left === undefined ? [b, a] : [a, b];
    const hint = `Name an image in ${build}, or another build`;
    throw new OsmithError('E_USAGE', `${build} is a build or release, ${other} is not`, { hint });
  }
  const compared =
    left !== undefined && right !== undefined
      ? compareBuilds(left, right)
      : await compareTrees(command, a, b, flags);
  const report = 'differences' in compared ? treeReport(compared) : buildReport(compared);
  await show(report, compared, { a, b, html: flags.html, json });
  // As diff(1) does: 0 the same, 1 different.
  if (!report.equal) process.exitCode = 1;
}

async function show(
  report: Report,
  compared: object,
  { a, b, html, json }: { a: string; b: string; html: string | undefined; json: boolean },
): Promise<void> {
  if (html !== undefined) await writeFile(html, htmlReport({ a, b }, report));
  const line = { type: 'diff', a, b, equal: report.equal, ...compared };
  process.stdout.write(json ? `${JSON.stringify(line)}\n` : textReport(report));
}

async function compareTrees(command: Command, a: string, b: string, { ignore, content = false }: Flags) {
  const { emit } = reporterFor(globals(command));
  const matches = pathMatcher([...ALWAYS_IGNORED, ...ignore]);
  const ignored = (path: string) => matches(path.replace(/^\d+:/u, ''));
  return withReadContext(
    () => loadVariant(command),
    emit,
    async (context) => {
      const [left, right] = [await listPath(a, context), await listPath(b, context)];
      return compareListings(left, right, { ignore: ignored, contentOnly: content });
    },
  );
}
