/**
 * Makes the agent: its sources and the libraries they use in one file, inside a Node program (a "single executable
 * application"). The data that goes in is the same for every architecture.
 */
import { chmod, copyFile, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { rolldown } from 'rolldown';
import { z } from 'zod';
import { OsmithError } from '../../errors.ts';
import { defineStep } from '../types.ts';
import { nodeProgram, type AgentArch } from './node.ts';

const params = z.strictObject({
  arch: z.enum(['amd64', 'arm64']),
  version: z.string(),
  /** Versions of the libraries, which are in the program too. */
  dependencies: z.record(z.string(), z.string()),
});

const MAIN = join(import.meta.dirname, '../../agent/main.ts');

/** Node looks for this; it tells by it whether there is a program inside. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
const RESOURCE = 'NODE_SEA_BLOB';
const POSTJECT = fileURLToPath(import.meta.resolve('postject/dist/cli.js'));

/** The agent shares the machine's memory with what the machine is for. */
const NODE_OPTIONS = ['--max-old-space-size=128', '--max-semi-space-size=1'];

/** All modules in one file. */
async function bundle(file: string, version: string): Promise<void> {
  const bundler = await rolldown({
    input: MAIN,
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
  kind: 'agent',
  summary: ({ arch }) => `Make the agent (${arch})`,
  params,
  async run(context) {
    const { work, signal } = context;
    const { arch, version } = context.params;
    await bundle(join(work, 'agent.cjs'), version);
    const config = {
      main: 'agent.cjs',
      output: 'agent.blob',
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
        return nodeProgram(wanted as AgentArch, dir, signal);
      }),
    );
    const [maker, target] = programs as [string, string];
    const run = async (program: string, args: string[]) => {
      const options = {
        cwd: work,
        cancelSignal: signal,
        reject: false,
        all: true,
        extendEnv: false,
      } as const;
      const done = await execa(program, args, options);
      if (done.failed) throw new OsmithError('E_TOOL', 'The agent cannot be made', { tail: [done.all] });
      if (done.all !== '') context.log(done.all);
    };
    await run(maker, ['--experimental-sea-config', 'sea.json']);
    await copyFile(target, join(work, 'agent'));
    await chmod(join(work, 'agent'), 0o755);
    // A process of its own: it prints what nobody needs to see.
    await run(process.execPath, [POSTJECT, 'agent', RESOURCE, 'agent.blob', '--sentinel-fuse', FUSE]);
    const { size } = await stat(join(work, 'agent.blob'));
    context.log(`${size} bytes of program in Node for ${arch}`);
    return { files: { agent: 'agent' } };
  },
});
