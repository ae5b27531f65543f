/** `osmith pkg`: OCI images out of package directories. */
import type { Command } from 'commander';
import { checkPackages } from '../pkg/check.ts';
import { dependenciesOf, dependencyDot, dependencyText } from '../pkg/deps.ts';
import { count } from '../report/style.ts';
import { globals } from './globals.ts';
import { registerBuild } from './pkg-build.ts';
import { addPackageOptions, openPackages, type PackageOptions } from './pkg-options.ts';

export function register(program: Command): void {
  const pkg = program
    .command('pkg')
    .description('OCI images out of directories with a Dockerfile, or of packages of Debian');
  registerBuild(pkg);
  addPackageOptions(pkg.command('show-tag').description('print the name of the image of each package'))
    .option('--canonical', 'with its registry')
    .action(async (dirs: string[], options: PackageOptions, command: Command) => {
      const { json } = globals(command);
      const { packages } = await openPackages(dirs, options);
      for (const { dir, reference, canonical, hash, dirty } of packages) {
        const name = options.canonical ? canonical : reference;
        process.stdout.write(`${json ? JSON.stringify({ dir, reference, canonical, hash, dirty }) : name}\n`);
      }
    });
  addPackageOptions(pkg.command('deps').description('print which packages are made from which'))
    .option('--dot', 'as a graph for Graphviz')
    .action(async (dirs: string[], options: PackageOptions & { dot?: boolean }, command: Command) => {
      const { packages, family, host } = await openPackages(dirs, options);
      const edges = await dependenciesOf(packages, family, host);
      if (globals(command).json) {
        const lines = edges.map(({ pkg: { name }, needs }) => ({
          package: name,
          needs: needs.map((each) => each.name),
        }));
        process.stdout.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      } else process.stdout.write(options.dot ? dependencyDot(edges) : dependencyText(edges));
    });
  addPackageOptions(
    pkg.command('check').description('check that packages agree on the images they are built from'),
  ).action(async (dirs: string[], options: PackageOptions) => {
    const { packages, family, host } = await openPackages(dirs, options);
    const checked = await checkPackages(packages, family, host);
    process.stdout.write(
      `${count(packages.length, 'package')}, ${count(checked, 'image reference')}: no disagreement\n`,
    );
  });
}
