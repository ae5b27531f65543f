/** `osmith template`: a composition out of a template, for one variant; and the version that git gives it. */
import { writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { now } from '../env.ts';
import { ARCHITECTURES } from '../pkg/build-yml.ts';
import { hostArch } from '../plan/tools.ts';
import { checkLock, lockFileOf, readLock, tagKey } from '../template/lock.ts';
import { allVariants, readVariants } from '../template/variants.ts';
import { computeVersion } from '../template/version.ts';
import { globals } from './globals.ts';
import { addKnobs, renderTemplateFile, templateRequest, type KnobOptions } from './knobs.ts';

interface Options extends KnobOptions {
  arch: string;
  output?: string;
  variants?: boolean;
  printVersion?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('template')
    .description('print the composition that a template is for one variant')
    .argument('<file.yml.in>', 'the template');
  addKnobs(command)
    .addOption(
      new Option('--arch <name>', 'the architecture (ZARCH)').choices(ARCHITECTURES).default(hostArch()),
    )
    .option('--output <file>', 'write it there')
    .option('--variants', 'print all variants that there are, and stop')
    .option('--print-version', 'print the version of the checkout (ROOTFS_VERSION), and the full one')
    .action(async (file: string, options: Options, command: Command) => {
      if (options.variants) {
        const variants = await readVariants(join(dirname(file), 'variants.yml'));
        for (const { arch, platform, hv } of variants === undefined ? [] : allVariants(variants)) {
          const line = { arch, platform, personality: hv };
          process.stdout.write(
            `${globals(command).json ? JSON.stringify(line) : `${arch} ${platform} ${hv}`}\n`,
          );
        }
        return;
      }
      const { text, variant, tags } = await renderTemplateFile(file, options, options.arch);
      if (options.printVersion) {
        const dir = dirname(resolve(file));
        const version = await computeVersion(dir, {
          dev: options.dev === true,
          platform: variant.platform,
          kernel: templateRequest(options, options.arch).tags.get('KERNEL_TAG'),
          now: now(),
        });
        const full = `${version}-${variant.hv}-${variant.arch}`;
        process.stdout.write(
          globals(command).json ? `${JSON.stringify({ version, full })}\n` : `${version}\n${full}\n`,
        );
        return;
      }
      const lock = await readLock(lockFileOf(file));
      if (lock !== undefined)
        checkLock(
          lock,
          [...tags].map(([name, value]) => ({ key: tagKey(name), value })),
        );
      if (options.output === undefined) process.stdout.write(text);
      else await writeFile(options.output, text);
    });
}
