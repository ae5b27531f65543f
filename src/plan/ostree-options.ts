/** Options of the section ostree, checked. */
import type { Config } from '../config/index.ts';
import { OsmithError } from '../errors.ts';
import { sourceInput } from './source.ts';
import type { Input } from './types.ts';

/** An OSTree ref: names with slashes between them. */
export function refOf(config: Config, option: 'ref' | 'ref_deploy'): string {
  const ref = config.get('ostree', option);
  if (/^\w[\w.-]*(\/\w[\w.-]*)*$/.test(ref)) return ref;
  throw new OsmithError('E_CONFIG', `ostree.${option} is no name of a branch: ${JSON.stringify(ref)}`, {
    where: config.where('ostree', option),
    hint: 'Use names of letters, digits and . _ - with / between them',
  });
}

/** Name of the stateroot, which is a directory, and of the remote. */
export function osOf(config: Config): string {
  const os = config.get('ostree', 'os');
  if (/^[A-Za-z0-9][\w.-]*$/.test(os)) return os;
  throw new OsmithError('E_CONFIG', `ostree.os is no name of an operating system: ${JSON.stringify(os)}`, {
    where: config.where('ostree', 'os'),
    hint: 'Use letters, digits and . _ -',
  });
}

/** Where the deployments' /var is: below it is all that belongs to the machine. */
export function stateroot(config: Config): string {
  return `ostree/deploy/${osOf(config)}`;
}

export function ostreeText(config: Config, option: string): string {
  return config.find('ostree', option)?.trim() ?? '';
}

/** The public keys as an input, where there are any. */
export function keysInput(config: Config): Record<string, Input> {
  const path = ostreeText(config, 'keys');
  return path === '' ? {} : { keys: sourceInput(config.workspace, path) };
}

/** Without keys nothing could ever be taken from there. */
export function requireKeys(config: Config, option: string): void {
  if (!config.bool('ostree', 'gpg_verify') || ostreeText(config, 'keys') !== '') return;
  throw new OsmithError(
    'E_CONFIG',
    `ostree.${option} is set, but ostree.keys is not: no commit could be verified`,
    {
      where: config.where('ostree', option),
      hint: 'Set ostree.keys to the file of the public keys, or ostree.gpg_verify = false to trust whoever answers',
    },
  );
}
