import { OsmithError } from '../../errors.ts';
import type { Source } from '../types.ts';

type Named = Source & { title: string };

function unreachable(host: string): OsmithError {
  return new OsmithError('E_NETWORK', `${host} cannot be reached`, {
    hint: 'Check the network, the proxy variables and bootstrap.mirror',
  });
}

/** apt's messages that users can act on, most telling first. */
const CAUSES: { pattern: RegExp; make: (match: RegExpMatchArray, source: Named) => OsmithError }[] = [
  {
    pattern: /Unable to locate package (\S+)|Package '?([^\s']+)'? has no installation candidate/,
    make: (match, source) => {
      const name = match[1] ?? match[2];
      return new OsmithError(
        'E_PACKAGE_MISSING',
        `${source.title} ${source.suite} has no package ${name} for ${source.arch}`,
        {
          hint: `Check its spelling in the package lists of the configuration; components in use: ${source.components.join(' ')}`,
        },
      );
    },
  },
  {
    pattern: /Version '([^']+)' for '([^']+)' was not found/,
    make: (match, source) =>
      new OsmithError(
        'E_PACKAGE_MISSING',
        `${source.title} ${source.suite} has no version ${match[1]} of ${match[2]}`,
        {
          hint: 'Leave out the version in the package lists of the configuration, or name one that the suite has',
        },
      ),
  },
  {
    pattern: /(\S+?):\w+=(\S+) is selected as a downgrade/,
    make: (match, source) =>
      new OsmithError(
        'E_PACKAGE_MISSING',
        `${source.title} ${source.suite} has ${match[1]} ${match[2]} only, which is older than what is installed`,
        { hint: 'The mirror was newer before. `osmith build --refresh` makes what is installed anew, too' },
      ),
  },
  {
    // As apt 3.0 has it; apt-get's own words of it go to where the list of packages goes.
    pattern: /(\S+?):\w+(?:=\S+)? (?:Conflicts|Breaks) (\S+)/,
    make: (match) =>
      new OsmithError('E_PACKAGE_MISSING', `${match[1]} and ${match[2]} cannot be installed together`, {
        hint: 'Leave out one of them in the package lists of the configuration',
      }),
  },
  {
    pattern: /installed (\S+) package (\S+)(?: maintainer)? script subprocess (.*)/,
    make: (match) =>
      new OsmithError('E_TOOL', `The ${match[2]} script of ${match[1]} failed`, {
        hint: `The log shows what it said; dpkg says: ${match[3]}`,
      }),
  },
  {
    pattern: /(\S+) : Depends: (.+)|(\S+?):\w+(?:=\S+)? Depends (.+)\n\s+but none of the choices/,
    make: ([, by, what, byToo, whatToo]) =>
      new OsmithError(
        'E_PACKAGE_MISSING',
        `${by ?? byToo} cannot be installed: it depends on ${what ?? whatToo}`,
        {
          hint: 'A package it needs is missing from the configured suite, components or mirror',
        },
      ),
  },
  {
    pattern:
      /(?:NO_PUBKEY|BADSIG|EXPKEYSIG|REVKEYSIG|is not signed|Missing key|invalid signature|Sub-process .*sqv).*/,
    make: (match, source) =>
      new OsmithError('E_SIGNATURE', `The package index of ${source.suite} is not signed by a trusted key`, {
        hint: `Check bootstrap.mirror and bootstrap.keyring; apt says: ${match[0].slice(0, 200)}`,
      }),
  },
  {
    pattern: /Hash Sum mismatch|File has unexpected size/,
    make: () =>
      new OsmithError('E_NETWORK', 'The mirror is being updated or a proxy alters files: checksums differ', {
        hint: 'Try again in a few minutes, or use another mirror',
      }),
  },
  {
    pattern: /does not have a Release file|404\s+Not Found/,
    make: (_match, source) =>
      new OsmithError('E_SUITE', `The mirror has no suite ${source.suite}`, {
        hint: 'Check bootstrap.suite and bootstrap.mirror',
      }),
  },
  {
    pattern:
      /Failed to fetch \w+:\/\/([^/\s]+)\S*\s+(?:Connection (?:failed|timed out)|Could not|Unable to connect)/,
    make: (match) => unreachable(match[1]!),
  },
  {
    pattern:
      /Could not resolve '?([^'\s]+)|Could not connect to (\S+)|Temporary failure resolving '([^']+)'|Connection (?:failed|timed out|refused).*|Unable to connect to (\S+?):?(?:\s|$)/,
    make: (match) => unreachable(match[1] ?? match[2] ?? match[3] ?? match[4] ?? 'the mirror'),
  },
  {
    pattern: /Failed to fetch \w+:\/\/([^/\s]+)\S*\s+(.*)/,
    make: (match) =>
      new OsmithError('E_NETWORK', `${match[1]} does not send what is asked for`, {
        hint: `Try again, or use another mirror; apt says: ${match[2]}`,
      }),
  },
  {
    pattern: /Unable to correct problems, you have held broken packages/,
    make: () =>
      new OsmithError('E_PACKAGE_MISSING', 'The configured packages cannot be installed together', {
        hint: 'Two of them exclude each other, or one needs what the suite does not have; the log says more',
      }),
  },
];

/** A failed apt run as the error a user can act on; the original one if apt's words are not known. */
export function aptError(error: unknown, source: Source, title: string): unknown {
  if (!(error instanceof OsmithError) || error.code !== 'E_TOOL') return error;
  const text = (error.details.tail ?? []).join('\n');
  for (const { pattern, make } of CAUSES) {
    const match = text.match(pattern);
    if (match === null) continue;
    const clear = make(match, { ...source, title });
    return new OsmithError(clear.code, clear.message, { ...error.details, ...clear.details });
  }
  return error;
}
