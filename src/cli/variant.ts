/** The options that choose a variant, shared by every command that needs a configuration. */
import type { Command } from 'commander';
import { type Attributes, type Config, loadConfig } from '../config/index.ts';
import { OsmithError } from '../errors.ts';
import { collect } from './arguments.ts';
import { globals } from './globals.ts';

interface VariantOptions {
  product?: string;
  arch?: string;
  platform?: string;
  personality?: string;
  attribute: Partial<Attributes>;
  set: string[];
}

export function addVariantOptions(command: Command): Command {
  return command
    .argument('[branch]', 'which base system; the workspace has a default')
    .option('--product <name>', 'which product of the workspace')
    .option('--arch <name>', 'which architecture: amd64, arm64, riscv64; default: that of this machine')
    .option('--platform <name>', 'which hardware; default: the architecture')
    .option('--personality <name>', 'which flavour')
    .option(
      '--attribute <name=value>',
      'any attribute, also one that only this workspace has (repeatable)',
      collectAttribute,
      {},
    )
    .option('--set <section.option=value>', 'set an option, over all files (repeatable)', collect, []);
}

function collectAttribute(pair: string, previous: Partial<Attributes>): Partial<Attributes> {
  return { ...previous, ...parseAttribute(pair) };
}

/** `name=value` */
export function parseAttribute(pair: string): Partial<Attributes> {
  const [, name, value] = /^([a-z0-9]+)=(.+)$/u.exec(pair) ?? [];
  if (name !== undefined && value !== undefined) return { [name]: value };
  throw new OsmithError('E_USAGE', `${JSON.stringify(pair)} names no attribute`, {
    hint: 'Write attribute=value, such as arch=arm64',
  });
}

/** Some commands have an argument of their own before it. */
function branchPosition(command: Command): number {
  return command.registeredArguments.findIndex((argument) => argument.name() === 'branch');
}

/** Options of the configuration that the command line sets. */
export function variantSettings(command: Command): string[] {
  return command.opts<VariantOptions>().set;
}

/** The attributes that the command line names. */
export function variantAttributes(command: Command): Partial<Attributes> {
  const { product, arch, platform, personality, attribute } = command.opts<VariantOptions>();
  const given = {
    product,
    branch: command.processedArgs[branchPosition(command)] as string | undefined,
    arch,
    platform,
    personality,
  };
  const named = Object.fromEntries(
    Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  return { ...named, ...attribute };
}

/** The configuration of the variant that a command line names. What looks wrong is told on standard error. */
export function loadVariant(command: Command, changed: Partial<Attributes> = {}): Config {
  const { workspace, localdir } = globals(command);
  const config = loadConfig({
    workspace,
    localdir,
    attributes: { ...variantAttributes(command), ...changed },
    set: variantSettings(command),
  });
  for (const warning of config.warnings) process.stderr.write(`warning: ${warning}\n`);
  return config;
}
