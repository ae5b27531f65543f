/**
 * Makes a program for machines: its sources and the libraries they use in one file, inside a Node program (a "single
 * executable application"). The data that goes in is the same for every architecture.
 */
import { chmod, copyFile, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { rolldown } from 'rolldown';
import { z } from 'zod';
import { OsmithError } from '../../errors.ts';
import { defineStep } from '../types.ts';
import { nodeProgram, type ProgramArch } from './node.ts';

const params = z.strictObject({
  program: z.enum(['agent', 'installer']),
  arch: z.enum(['amd64', 'arm64']),
  version: z.string(),
  /** Versions of the libraries, which are in the program too. */
  dependencies: z.record(z.string(), z.string()),
});

const MAIN = {
  agent: join(import.meta.dirname, '../../agent/main.ts'),
  installer: join(import.meta.dirname, '../../installer/main.ts'),
};

/** Node looks for this; it tells by it whether there is a program inside. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
const RESOURCE = 'NODE_SEA_BLOB';
const POSTJECT = fileURLToPath(import.meta.resolve('postject/dist/cli.js'));

const NODE_OPTIONS = [
  // It shares the machine's memory with what the machine is for.
  ...['--max-old-space-size=128', '--max-semi-space-size=1'],
  // No thread may compile: a program could fail to end (see ./osmith, which starts the same way).
  ...['--no-concurrent-recompilation', '--no-concurrent-sparkplug'],
];

/** All modules in one file. */
async function bundle(input: string, file: string, version: string): Promise<void> {
  const bundler = await rolldown({
    input,
    platform: 'node',
    // Names of modules would be relative to where the user stands.
    experimental: { attachDebugInfo: 'none' },
    transform: { define: { OSMITH_VERSION: JSON.stringify(version) } },
    logLevel: 'silent',
  });
  try {
    await bundler.write({ file, format: 'cjs', codeSplitting: false });
  } finally {
    await bundler.close();
  }
}

export default defineStep<z.infer<typeof params>>({
  kind: 'program',
  summary: ({ program, arch }) => `Make the ${program} (${arch})`,
  params,
  async run(context) {
    const { work, signal } = context;
    const { program, arch, version } = context.params;
    await bundle(MAIN[program], join(work, 'program.cjs'), version);
    const config = {
      main: 'program.cjs',
      output: 'program.blob',
      disableExperimentalSEAWarning: true,
      useSnapshot: false,
      useCodeCache: false,
      execArgv: NODE_OPTIONS,
    };
    await writeFile(join(work, 'sea.json'), JSON.stringify(config));
    // What makes the data must be of the version of what reads it.
    const own = process.arch === 'arm64' ? 'arm64' : 'amd64';
    const programs = await Promise.all(
      [own, arch].map(async (wanted) => {
        const dir = join(work, wanted);
        await mkdir(dir, { recursive: true });
        return nodeProgram(wanted as ProgramArch, dir, signal);
      }),
    );
    const [maker, target] = programs as [string, string];
    const run = async (command: string, args: string[]) => {
      const options = {
        cwd: work,
        cancelSignal: signal,
        reject: false,
        all: true,
        extendEnv: false,
      } as const;
      const done = await execa(command, args, options);
      if (done.failed) throw new OsmithError('E_TOOL', `The ${program} cannot be made`, { tail: [done.all] });
      if (done.all !== '') context.log(done.all);
    };
    await run(maker, ['--experimental-sea-config', 'sea.json']);
    await copyFile(target, join(work, 'program'));
    await chmod(join(work, 'program'), 0o755);
    // A process of its own: it prints what nobody needs to see.
    await run(process.execPath, [POSTJECT, 'program', RESOURCE, 'program.blob', '--sentinel-fuse', FUSE]);
    const { size } = await stat(join(work, 'program.blob'));
    context.log(`${size} bytes of program in Node for ${arch}`);
    return { files: { program: 'program' } };
  },
});
