/** The agent's configuration for a test machine, and how it gets there. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { configSchema } from '../../agent/config.ts';
import { LOCAL_CONFIG } from '../../disk/boot-slots.ts';
import { formatKey, generateKey, publicKeyOf, type Key } from '../../pattern/index.ts';
import { fatImage } from '../../disk/mtools.ts';
import { writeToEsp } from '../esp-files.ts';
import { findPartition } from '../gpt.ts';
import { runTool, type Tools } from '../tools.ts';
import type { VmSpec } from '../vm.ts';
import { AGENT_PLACES, type AgentSetup } from './types.ts';

/** Where the agent listens in the guest. */
export const AGENT_PORT = 4000;

/** What the agent looks for in words and strings; see docs/agent.md. */
const PREFIX = 'osmith.config=';

interface Run {
  key: Key;
  /** Where the machine finds releases. */
  url: string;
}

type Config = Record<string, unknown>;

/** Adds what only the run knows: the key that it signs with, and where its releases are. */
export function completeConfig(config: Config, { key, url }: Run): Config {
  const { verifyKeys = [], update } = config;
  return {
    ...config,
    verifyKeys: [formatKey(publicKeyOf(key)), ...(verifyKeys as string[])],
    ...(update === undefined ? {} : { update: { url, ...(update as Config) } }),
  };
}

/** Any key will do to see whether the rest is good. */
const example: Run = { key: generateKey('ed25519', 'test'), url: 'http://example' };

const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** `agent:` of a scenario. What the agent would refuse is refused here. */
export const agentSchema = z.strictObject({
  through: z.enum(AGENT_PLACES).default('smbios'),
  config: z.record(z.string(), z.unknown()).superRefine((config, context) => {
    const { verifyKeys = [], update = {} } = config;
    if (!Array.isArray(verifyKeys) || !isObject(update)) {
      context.addIssue({ code: 'custom', message: 'verifyKeys must be a list, and update an object' });
      return;
    }
    const parsed = configSchema.safeParse(completeConfig(config, example));
    for (const { path, message } of parsed.error?.issues ?? [])
      context.addIssue({ code: 'custom', path, message });
    const sources = isObject(config['sources']) ? Object.keys(config['sources'] as Config) : [];
    if (config['update'] === undefined && sources.length === 0)
      context.addIssue({ code: 'custom', message: 'must have sources or update' });
  }),
});

/** Whether the machine must be able to reach the server with releases. */
export function followsReleases(setup: AgentSetup | undefined): boolean {
  return setup?.config['update'] !== undefined;
}

/** A FAT volume with the label that the agent looks for. */
async function cidataVolume(tools: Tools, dir: string, text: string): Promise<string> {
  const volume = join(dir, 'cidata.img');
  const content = join(dir, 'user-data');
  await writeFile(content, text);
  const options = { write: [dir], env: { TZ: 'UTC' } };
  await runTool(tools, ['mformat', '-C', '-i', volume, '-v', 'cidata', '-T', '2880', '::'], options);
  await runTool(tools, ['mcopy', '-o', '-i', volume, content, '::user-data'], options);
  return volume;
}

/** The partition that edge systems have for it. */
async function writeToConfig(tools: Tools, dir: string, disk: string, text: string): Promise<void> {
  const content = join(dir, 'agent.json');
  await writeFile(content, text);
  const volume = fatImage(disk, await findPartition(disk, 'CONFIG'));
  const env = { MTOOLS_SKIP_CHECK: '1', TZ: 'UTC' };
  await runTool(tools, ['mcopy', '-o', '-i', volume, content, '::agent.json'], { write: [dir, disk], env });
}

/** Hands the configuration in: changes the machine, or the file `disk`. */
export async function handInConfig(
  { through, config }: AgentSetup,
  run: Run,
  { spec, tools, dir }: { spec: VmSpec; tools: Tools; dir: string },
): Promise<void> {
  const text = JSON.stringify(completeConfig(config, run));
  const word = `${PREFIX}${Buffer.from(text).toString('base64')}`;
  if (through === 'smbios') spec.oemStrings = [`${PREFIX}${text}`];
  else if (through === 'cidata')
    spec.disks = [...(spec.disks ?? []), { file: await cidataVolume(tools, dir, text), format: 'raw' }];
  else if (through === 'config') await writeToConfig(tools, dir, spec.disks![0]!.file, text);
  else if (spec.kernel !== undefined)
    spec.kernel = { ...spec.kernel, cmdline: `${spec.kernel.cmdline} ${word}` };
  else {
    const [disk] = spec.disks!;
    await writeToEsp({ tools, dir, disk: disk!.file }, LOCAL_CONFIG, `set osmith_local="${word}"\n`);
  }
}
