import { OsmithError } from '../../errors.ts';
import { toolError, unreachable, type Cause } from '../tool-error.ts';
import type { Source } from '../types.ts';

/** Newer versions name a package with its version. */
function bare(name: string): string {
  return name.replace(/-[^-]+-\d[^-]*$/, '');
}

/** pacman's messages that users can act on, most telling first. */
function causes(source: Source): Cause[] {
  const missing = (name: string | undefined) =>
    new OsmithError('E_PACKAGE_MISSING', `Arch Linux has no package ${name} for ${source.arch}`, {
      hint: `Check its spelling in the package lists of the configuration; components in use: ${source.components.join(' ')}`,
    });
  const distrusted = (what: string, said: string) =>
    new OsmithError('E_SIGNATURE', `${what} is not signed by a trusted key`, {
      hint: `Check bootstrap.mirror and bootstrap.keyring; pacman says: ${said.slice(0, 200)}`,
    });
  return [
    { pattern: /target not found: (\S+)/, make: ([, name]) => missing(name) },
    {
      pattern: /unable to satisfy dependency '([^']+)' required by (\S+)/,
      make: ([, name, by]) =>
        new OsmithError('E_PACKAGE_MISSING', `${by} cannot be installed: it depends on ${name}`, {
          hint: 'A package it needs is missing from the configured components or mirror',
        }),
    },
    {
      pattern: /(\S+) and (\S+) are in conflict/,
      make: ([, one, other]) =>
        new OsmithError(
          'E_PACKAGE_MISSING',
          `${bare(one!)} and ${bare(other!)} cannot be installed together`,
          {
            hint: 'Leave out one of them in the package lists of the configuration',
          },
        ),
    },
    {
      pattern: /error: (\S+): ((?:signature from|missing required signature|key ").*)/,
      make: ([, name, said]) => distrusted(name!, said!),
    },
    {
      pattern: /(\S+) is corrupted \((invalid or corrupted (?:package|database) \(PGP signature\))/,
      make: ([, file, said]) => distrusted(file!.replace(/.*\//, ''), said!),
    },
    {
      pattern: /(\S+?)(?:: | is )?.*invalid or corrupted (?:package|database)/,
      make: ([, what]) =>
        new OsmithError('E_SIGNATURE', `${what!.replace(/.*\//, '')} is damaged`, {
          hint: 'The mirror or a proxy altered it; use another mirror',
        }),
    },
    {
      pattern: /exists in filesystem/,
      make: () =>
        new OsmithError('E_PACKAGE_MISSING', 'Two of the packages hold the same file', {
          hint: 'The log names them; leave out one in the package lists of the configuration',
        }),
    },
    {
      pattern: /installing (\S+)\.\.\.\n(?:(?!installing ).*\n)*error: command failed to execute correctly/,
      make: ([, name]) =>
        new OsmithError('E_TOOL', `A script of ${name} failed`, { hint: 'The log shows what it said' }),
    },
    {
      pattern: /(?:error: command failed to execute correctly|failed to run (?:hook|transaction))/,
      make: () =>
        new OsmithError('E_TOOL', 'A script of a package failed', {
          hint: 'The log shows what it said and after which package',
        }),
    },
    {
      pattern: /'(\S+?)\.db' from (\S+?) : The requested URL returned error: 404/,
      make: ([, name]) =>
        new OsmithError('E_SUITE', `The mirror has no repository ${name} for ${source.arch}`, {
          hint: 'Check bootstrap.components and bootstrap.mirror',
        }),
    },
    {
      pattern: /failed retrieving file '\S+' from (\S+?) : .*/,
      make: ([, host]) => unreachable(host!),
    },
  ];
}

/** A failed run of pacman as the error a user can act on. */
export function pacmanError(error: unknown, source: Source): unknown {
  return toolError(error, causes(source));
}
