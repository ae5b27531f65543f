/** Options that choose the variant of a template, shared by the commands that read templates. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { OsmithError } from '../errors.ts';
import { renderFile, type Rendered, type TemplateRequest } from '../template/compose-template.ts';
import { collect } from './arguments.ts';

export interface KnobOptions {
  personality?: string;
  platform?: string;
  dev?: boolean;
  fullVersion?: string;
  modifier: string[];
  tag: string[];
  packages: string[];
  hash?: string;
  org?: string;
}

export function addKnobs(command: Command): Command {
  return command
    .option('--personality <name>', 'of templates: the hypervisor (HV), default kvm')
    .option('--platform <name>', 'of templates: the hardware (PLATFORM), default generic')
    .option('--dev', 'of templates: packages as for development (DEV)')
    .option(
      '--full-version <text>',
      'of templates: a version whose words choose variants of packages (ROOTFS_VERSION)',
    )
    .option('--modifier <file>', 'of templates: a further modifier (repeatable)', collect, [])
    .option('--tag <name=reference>', 'of templates: what a name stands for (repeatable)', collect, [])
    .option(
      '--packages <dir>',
      'where packages are; default: pkg beside the directory of the file (repeatable)',
      collect,
      [],
    )
    .option('--hash <text>', 'of templates: the hash of all packages, in place of those of git (EVE_HASH)')
    .option('--org <name>', 'of templates: the organisation of all packages (LINUXKIT_PKG_ORG)');
}

function parseTag(text: string): [string, string] {
  const [, name, reference] = /^([A-Z][A-Z0-9_]*)=(\S+)$/.exec(text) ?? [];
  if (name !== undefined && reference !== undefined) return [name, reference];
  throw new OsmithError('E_USAGE', `--tag ${text} names nothing`, { hint: 'Write --tag NAME_TAG=REFERENCE' });
}

export function templateRequest(options: KnobOptions, arch: string): TemplateRequest {
  const { personality: hv, platform, dev, fullVersion: version, hash, org, packages } = options;
  return {
    ...{ arch, hv, platform, dev, version, hash, org, packages },
    modifiers: options.modifier.map((file) => resolve(file)),
    tags: new Map(options.tag.map(parseTag)),
  };
}

export function isTemplate(file: string): boolean {
  return file.endsWith('.in');
}

export function renderTemplateFile(file: string, options: KnobOptions, arch: string): Promise<Rendered> {
  return renderFile(file, templateRequest(options, arch));
}
