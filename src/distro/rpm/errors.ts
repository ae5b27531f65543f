import { OsmithError } from '../../errors.ts';
import { toolError, unreachable, type Cause } from '../tool-error.ts';
import type { Source } from '../types.ts';

/** What curl says of hosts: no such name, no connection, no answer in time. */
const UNREACHABLE = [5, 6, 7, 28];

/** Messages of dnf and rpm that users can act on, most telling first. */
function causes(source: Source, title: string): Cause[] {
  const missing = (name: string | undefined) =>
    new OsmithError(
      'E_PACKAGE_MISSING',
      `${title} ${source.suite} has no package ${name} for ${source.arch}`,
      {
        hint: `Check its spelling in the package lists of the configuration; components in use: ${source.components.join(' ')}`,
      },
    );
  const needs = (by: string | undefined, what: string | undefined) =>
    new OsmithError('E_PACKAGE_MISSING', `${by} cannot be installed: it depends on ${what}`, {
      hint: 'A package it needs is missing from the configured components or mirror',
    });
  const unsigned = (what: string, said: string) =>
    new OsmithError('E_SIGNATURE', `${what} is not signed by a trusted key`, {
      hint: `Check bootstrap.mirror and bootstrap.keyring; it says: ${said.slice(0, 200)}`,
    });
  const together = (one: string | undefined, other: string | undefined) =>
    new OsmithError('E_PACKAGE_MISSING', `${one} and ${other} cannot be installed together`, {
      hint: 'Leave out one of them in the package lists of the configuration',
    });
  return [
    { pattern: /no such package: (\S+)/, make: ([, name]) => missing(name) },
    {
      pattern:
        /nothing provides '?(.+?)'? needed by (?:the to be installed )?(\S+?)(?:-[^-\s]+-[^-\s]+)?(?: from \S+)?$/m,
      make: ([, what, by]) => needs(by, what),
    },
    {
      pattern:
        /package (\S+?)-[^-\s]+-[^-\s]+ .*conflicts with (?:'\S+' provided by )?(\S+?)(?: provided by \S+)?(?:-[^-\s]+-[^-\s]+)?(?: from \S+)?$/m,
      make: ([, one, other]) => together(one, other),
    },
    {
      pattern:
        /repomd\.xml.*(?:GPG signature verification|gpg|signature).*|Signature verification failed.*|is unsigned.*|unknown key.*|GPG key.*/i,
      make: ([said]) => unsigned('The package index', said),
    },
    {
      pattern: /%\w+\((\S+?)(?:-[^-\s]+-[^-\s]+)?\) scriptlet failed, exit status (\d+)/,
      make: ([, name, status]) =>
        new OsmithError('E_TOOL', `A script of ${name} failed with exit code ${status}`, {
          hint: 'The log shows what it said',
        }),
    },
    {
      pattern: /conflicts (?:with file from|between attempted installs)/,
      make: () =>
        new OsmithError('E_PACKAGE_MISSING', 'Two of the packages hold the same file', {
          hint: 'The log names them; leave out one in the package lists of the configuration',
        }),
    },
    {
      pattern: /Status code: 404 for \S+\/repomd\.xml\.asc/,
      make: ([said]) => unsigned('The package index', said),
    },
    {
      pattern: /Status code: 404 for (\S+)|File '\/?repodata\/repomd\.xml' not found on medium '([^']+)'/,
      make: ([, url, medium]) =>
        new OsmithError('E_SUITE', `The mirror has no repository at ${url ?? medium}`, {
          hint: 'Check bootstrap.suite, bootstrap.components and bootstrap.mirror',
        }),
    },
    {
      pattern: /checksum|[Dd]igest verification failed|repomd\.xml.*(?:parser error|is not valid)/,
      make: () =>
        new OsmithError('E_SIGNATURE', 'The package index is not what its signed summary says', {
          hint: 'The mirror is being updated, or a proxy alters files; try again, or use another mirror',
        }),
    },
    {
      pattern: /Failed to connect to (\S+) port (\d+)/,
      make: ([, host, port]) => unreachable(`${host}:${port}`),
    },
    {
      pattern: /Curl error \((\d+)\): (.+?) for \w+:\/\/([^\s/]+)/,
      make: ([, code, said, host]) =>
        UNREACHABLE.includes(Number(code))
          ? unreachable(host!)
          : new OsmithError('E_NETWORK', `${host} does not send what is asked for`, {
              hint: `Try again, or use another mirror; dnf says: ${said}`,
            }),
    },
  ];
}

export function rpmError(error: unknown, source: Source, title: string): unknown {
  return toolError(error, causes(source, title));
}

/** What `rpmkeys --checksig` says of files, one of which is not as it should be. */
export function distrusted(checked: string[], cause: OsmithError): OsmithError {
  const said = checked.find((line) => !/: digests signatures OK$/.test(line)) ?? '';
  const [, file = 'A package'] = /([^/]+\.rpm):/.exec(said) ?? [];
  return new OsmithError('E_SIGNATURE', `${file} is not signed by a trusted key`, {
    ...cause.details,
    tail: checked.slice(-20),
    hint: `Check bootstrap.mirror and bootstrap.keyring; rpm says: ${said.replace(/.*\.rpm: /, '')}`,
  });
}
