/** apt's own words, captured from apt 2.6 (Debian 12) and 3.0 (Debian 13), as errors. */
import { expect, test } from 'vitest';
import { OsmithError } from '../../errors.ts';
import { aptError } from './errors.ts';

const SOURCE = {
  ...{ distro: 'debian', suite: 'trixie', arch: 'amd64', mirror: '', keyring: '' },
  components: ['main', 'contrib'],
};

const SYNC = `
Get:2 http://127.0.0.1:8089/debian trixie/main amd64 Packages [9678 kB]
Err:2 http://127.0.0.1:8089/debian trixie/main amd64 Packages
  404  Not Found [IP: 127.0.0.1 8089]
  File has unexpected size (64 != 9678380). Mirror sync in progress? [IP: 127.0.0.1 8089]
  Hashes of expected file:
   - Filesize:9678380 [weak]
   - SHA256:7778d3e3f303b7ddb8ce0fe7c8d57473a076c6bf2e8f241f75421d2396352498
E: Failed to fetch http://127.0.0.1:8089/debian/dists/trixie/main/binary-amd64/Packages.xz  File has unexpected size (64 != 9678380). Mirror sync in progress? [IP: 127.0.0.1 8089]
E: Some index files failed to download. They have been ignored, or old ones used instead.`;

const CASES: [string, string, string, RegExp][] = [
  [
    'no such package',
    'E: Unable to locate package nosuchpackage',
    'E_PACKAGE_MISSING',
    /^Debian trixie has no package nosuchpackage for amd64$/,
  ],
  [
    'a package that is only a name',
    "E: Package 'mail-transport-agent' has no installation candidate",
    'E_PACKAGE_MISSING',
    /has no package mail-transport-agent/,
  ],
  [
    'no such version',
    "E: Version '1.0' for 'apt' was not found",
    'E_PACKAGE_MISSING',
    /no version 1.0 of apt/,
  ],
  [
    'packages that exclude each other',
    `E: Unable to correct problems, you have held broken packages.
E: The following information from --solver 3.0 may provide additional context:
   Unable to satisfy dependencies. Reached two conflicting decisions:
   1. postfix:amd64 is not selected for install because:
      1. exim4-daemon-light:amd64=4.98.2-1+deb13u4 is selected for install
      2. postfix:amd64 Conflicts mail-transport-agent`,
    'E_PACKAGE_MISSING',
    /cannot be installed together/,
  ],
  [
    'packages that exclude each other by name (3.0)',
    `E: Unable to correct problems, you have held broken packages.
E: The following information from --solver 3.0 may provide additional context:
   Unable to satisfy dependencies. Reached two conflicting decisions:
   1. quarrel-two:amd64 is not selected for install because:
      1. quarrel-one:amd64=1.2-3 is selected for install
      2. quarrel-one:amd64 Conflicts quarrel-two
   2. quarrel-two:amd64=1.2-3 is selected for install`,
    'E_PACKAGE_MISSING',
    /^quarrel-one and quarrel-two cannot be installed together$/,
  ],
  [
    'a mirror that has fallen behind (3.0)',
    `E: Unable to correct problems, you have held broken packages.
E: The following information from --solver 3.0 may provide additional context:
   Unable to satisfy dependencies. Reached two conflicting decisions:
   1. libmoving:amd64=1.0-1 is not selected for install
   2. libmoving:amd64=1.0-1 is selected as a downgrade because:
      1. moving:amd64=1.0-1 is selected for install
      2. moving:amd64 Depends libmoving (= 1.0-1)`,
    'E_PACKAGE_MISSING',
    /^Debian trixie has libmoving 1.0-1 only, which is older than what is installed$/,
  ],
  [
    'a dependency that there is not (3.0)',
    `E: Unable to correct problems, you have held broken packages.
E: The following information from --solver 3.0 may provide additional context:
   Unable to satisfy dependencies. Reached two conflicting decisions:
   1. lonely:amd64=1.2-3 is selected for install
   2. lonely:amd64 Depends nowhere
      but none of the choices are installable:
      [no choices]`,
    'E_PACKAGE_MISSING',
    /^lonely cannot be installed: it depends on nowhere$/,
  ],
  [
    'no such suite',
    `Ign:1 http://mirror.example/debian nosuch InRelease
Err:2 http://mirror.example/debian nosuch Release
  404  Not Found [IP: 203.0.113.80 80]
Reading package lists...
E: The repository 'http://mirror.example/debian nosuch Release' does not have a Release file.`,
    'E_SUITE',
    /no suite trixie/,
  ],
  [
    'nobody listens (2.6)',
    `Err:1 http://127.0.0.1:1/debian trixie InRelease
  Could not connect to 127.0.0.1:1 (127.0.0.1). - connect (111: Connection refused)
Reading package lists...
E: Failed to fetch http://127.0.0.1:1/debian/dists/trixie/InRelease  Could not connect to 127.0.0.1:1 (127.0.0.1). - connect (111: Connection refused)
E: Some index files failed to download. They have been ignored, or old ones used instead.`,
    'E_NETWORK',
    /^127\.0\.0\.1:1 cannot be reached$/,
  ],
  [
    'nobody listens (3.0)',
    `Reading package lists...
E: Failed to fetch http://127.0.0.1:1/debian/dists/trixie/InRelease  Unable to connect to 127.0.0.1:1:
E: Some index files failed to download. They have been ignored, or old ones used instead.`,
    'E_NETWORK',
    /^127\.0\.0\.1:1 cannot be reached$/,
  ],
  [
    'somebody listens and never answers',
    `Err:1 http://mirror.example:8091/debian trixie InRelease
  Connection failed [IP: 127.0.0.1 8091]
Reading package lists...
E: Failed to fetch http://mirror.example:8091/debian/dists/trixie/InRelease  Connection failed [IP: 127.0.0.1 8091]`,
    'E_NETWORK',
    /^mirror\.example:8091 cannot be reached$/,
  ],
  [
    'no such host',
    `Err:1 http://mirror.invalid/debian trixie InRelease
  Could not resolve 'mirror.invalid'
E: Failed to fetch http://mirror.invalid/debian/dists/trixie/InRelease  Could not resolve 'mirror.invalid'`,
    'E_NETWORK',
    /^mirror\.invalid cannot be reached$/,
  ],
  [
    'signed by another key (2.6)',
    `W: GPG error: http://mirror.example/debian trixie InRelease: The following signatures couldn't be verified because the public key is not available: NO_PUBKEY 6ED0E7B82643E131
E: The repository 'http://mirror.example/debian trixie InRelease' is not signed.`,
    'E_SIGNATURE',
    /not signed by a trusted key/,
  ],
  [
    'signed by another key (3.0)',
    `  Sub-process /usr/bin/sqv returned an error code (1), error message is: Missing key 4CB50190207B4758A3F73A796ED0E7B82643E131, which is needed to verify signature.
E: The repository 'http://mirror.example/debian trixie InRelease' is not signed.`,
    'E_SIGNATURE',
    /not signed by a trusted key/,
  ],
  [
    'altered (2.6)',
    '  The following signatures were invalid: BADSIG 6ED0E7B82643E131 Debian Archive Automatic Signing Key (12/bookworm) <ftpmaster@debian.org>',
    'E_SIGNATURE',
    /not signed by a trusted key/,
  ],
  [
    'altered (3.0)',
    '  Sub-process /usr/bin/sqv returned an error code (1), error message is: Verifying signature:            Message has been manipulated',
    'E_SIGNATURE',
    /not signed by a trusted key/,
  ],
  [
    'a script that fails',
    `the last words
dpkg: error processing package broken (--configure):
 installed broken package post-installation script subprocess returned error exit status 3`,
    'E_TOOL',
    /^The post-installation script of broken failed$/,
  ],
  ['a mirror that is being updated', SYNC, 'E_NETWORK', /being updated/],
];

test.each(CASES)('%s', (_what, said, code, message) => {
  const failed = new OsmithError('E_TOOL', 'apt-get failed with exit code 100', {
    tail: said.split('\n'),
    log: '/the/log',
  });
  const error = aptError(failed, SOURCE, 'Debian') as OsmithError;
  expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
  expect(error.details).toMatchObject({
    log: '/the/log',
    tail: said.split('\n'),
    hint: expect.any(String) as string,
  });
});

test('what is not known stays what it was', () => {
  const tail = ['E: Sub-process /usr/bin/dpkg returned an error code (1)'];
  const tool = new OsmithError('E_TOOL', 'apt-get failed with exit code 100', { tail });
  const stopped = new OsmithError('E_INTERRUPTED', 'Stopped', { tail: ['E: Unable to locate package x'] });
  for (const error of [tool, stopped, new Error('x')]) expect(aptError(error, SOURCE, 'Debian')).toBe(error);
});
