/** Flatpak repositories made on the spot with flatpak's own tools: a runtime, apps of every kind, signed. */
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { execa } from 'execa';

/** Flatpak's name of the architecture that tests run on. */
export const ARCH = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
const RUNTIME = `org.test.Platform/${ARCH}/1`;

/** What apps download for themselves. */
export const EXTRA_DATA = 'only its maker may hand this out\n';

export interface Signer {
  home: string;
  fingerprint: string;
  /** File of the public key, armoured. */
  publicKey: string;
}

/** A key pair without passphrase. */
export async function makeSigner(dir: string, name: string): Promise<Signer> {
  const home = join(dir, `gnupg-${name}`);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const gpg = (args: string[]) => execa('gpg', ['--homedir', home, '--batch', '--quiet', ...args]);
  const user = `${name} <${name}@example.org>`;
  await gpg(['--passphrase', '', '--quick-gen-key', user, 'ed25519', 'sign', 'never']);
  const publicKey = join(dir, `${name}.asc`);
  await gpg(['--armor', '--output', publicKey, '--export']);
  const { stdout } = await gpg(['--with-colons', '--list-keys']);
  await execa('gpgconf', ['--homedir', home, '--kill', 'all']);
  const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(stdout)![1]!;
  return { home, fingerprint, publicKey };
}

export interface Thing {
  /** Its id; also says where its files are built. */
  id: string;
  branch?: string;
  metadata: string;
  files: Record<string, string | Buffer>;
  runtime?: boolean;
  /** Further options of `flatpak build-export`. */
  options?: string[];
}

function put(root: string, files: Thing['files']): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
    if (path.includes('bin/')) chmodSync(join(root, path), 0o755);
  }
}

export interface FlatpakRepo {
  /** Directory to serve. */
  dir: string;
  /** Builds and signs something, and updates the summary. */
  add: (...things: Thing[]) => Promise<void>;
  flatpak: (args: string[]) => Promise<string>;
}

/** An empty repository; `scratch` holds what is exported to it. */
export function flatpakRepo(
  scratch: string,
  { signer, collection = '', title }: { signer: Signer; collection?: string; title: string },
): FlatpakRepo {
  const dir = join(scratch, 'repo');
  const home = join(scratch, 'home');
  mkdirSync(home, { recursive: true });
  const env = {
    HOME: home,
    XDG_DATA_HOME: home,
    XDG_CACHE_HOME: home,
    FLATPAK_USER_DIR: join(home, 'flatpak'),
  };
  const sign = [`--gpg-sign=${signer.fingerprint}`, `--gpg-homedir=${signer.home}`];
  const flatpak = async (args: string[]) => (await execa('flatpak', args, { env })).stdout;
  const add = async (...things: Thing[]) => {
    for (const { id, branch = '1', metadata, files, runtime, options = [] } of things) {
      const build = join(scratch, 'build', `${id}-${branch}`);
      // What `flatpak build-init` makes; it would also want an SDK.
      for (const name of ['files', 'var']) mkdirSync(join(build, name), { recursive: true });
      writeFileSync(join(build, 'metadata'), metadata);
      const root = join(build, 'files');
      put(root, { 'share/doc/about': `${id}\n`, ...files });
      mkdirSync(join(build, 'export'), { recursive: true });
      if (files['share/applications/x.desktop'] !== undefined) {
        mkdirSync(join(build, 'export/share/applications'), { recursive: true });
        cpSync(
          join(root, 'share/applications/x.desktop'),
          join(build, `export/share/applications/${id}.desktop`),
        );
      }
      if (id === 'org.test.Platform') shell(root);
      const kind = runtime ? ['--runtime', '--files=files'] : [];
      const collected = collection === '' ? [] : [`--collection-id=${collection}`];
      await flatpak([
        ...['build-export', '--disable-sandbox', '--timestamp=2024-05-06T07:08:09Z', '--no-update-summary'],
        ...['--subject=test', ...sign, ...kind, ...collected, ...options, dir, build, branch],
      ]);
    }
    await flatpak(['build-update-repo', ...sign, `--title=${title}`, '--default-branch=1', dir]);
  };
  return { dir, add, flatpak };
}

/** What every runtime needs to run anything: a shell, and an ldconfig that does nothing. */
function shell(root: string): void {
  const bin = join(root, 'bin');
  mkdirSync(bin, { recursive: true });
  cpSync('/bin/busybox', join(bin, 'busybox'), { dereference: true });
  for (const name of ['sh', 'cat', 'touch', 'cp', 'echo', 'id']) symlinkSync('busybox', join(bin, name));
  put(root, {
    'bin/ldconfig': '#!/usr/bin/sh\nwhile [ $# -gt 0 ]; do [ "$1" != -C ] || touch "$2"; shift; done\n',
  });
}

function runtimeMetadata(id: string, extensions: string): string {
  return `[Runtime]\nname=${id}\nruntime=${RUNTIME}\nsdk=${RUNTIME}\n\n${extensions}`;
}

export function localeExtension(id: string, directory: string): string {
  return `[Extension ${id}.Locale]\ndirectory=${directory}\nautodelete=true\nlocale-subset=true\n\n`;
}

export function locale(id: string, languages: readonly string[]): Thing {
  const files = languages.map((name) => [`${name}/share/${name}/words`, `${id} in ${name}\n`]);
  return {
    ...{ id: `${id}.Locale`, runtime: true, files: Object.fromEntries(files) as Record<string, string> },
    metadata: `[Runtime]\nname=${id}.Locale\n\n[ExtensionOf]\nref=runtime/${id}/${ARCH}/1\n`,
  };
}

export const PLATFORM: Thing[] = [
  {
    ...{ id: 'org.test.Platform', runtime: true },
    // Where extensions are mounted.
    files: { 'share/runtime/locale/.here': '', 'lib/codecs/.here': '' },
    metadata: runtimeMetadata(
      'org.test.Platform',
      `${localeExtension('org.test.Platform', 'share/runtime/locale')}[Extension org.test.Platform.Codecs]\ndirectory=lib/codecs\n`,
    ),
  },
  locale('org.test.Platform', ['de', 'en', 'es', 'fr']),
  {
    ...{ id: 'org.test.Platform.Codecs', runtime: true, files: { 'codec.so': 'x'.repeat(50_000) } },
    metadata: '[Runtime]\nname=org.test.Platform.Codecs\n',
  },
];

/** An app that says its name. */
export function app(
  id: string,
  { bytes = 1000, more = '', ...rest }: Partial<Thing> & { bytes?: number; more?: string } = {},
): Thing {
  return {
    id,
    metadata: `[Application]\nname=${id}\nruntime=${RUNTIME}\nsdk=${RUNTIME}\ncommand=hello\n\n${more}`,
    ...rest,
    files: {
      'bin/hello': `#!/usr/bin/sh\necho "hello from ${id}"\n`,
      'share/applications/x.desktop': `[Desktop Entry]\nType=Application\nName=${id}\nExec=hello\n`,
      'share/data': createHash('sha256')
        .update(id)
        .digest('hex')
        .repeat(Math.ceil(bytes / 64))
        .slice(0, bytes),
      ...rest.files,
    },
  };
}

/** An app that downloads from this URL when it is installed. */
export function extraDataApp(id: string, uri: string): Thing {
  const checksum = createHash('sha256').update(EXTRA_DATA).digest('hex');
  return app(id, {
    more: `[Extra Data]\nname=data.txt\nuri=${uri}\nsize=${EXTRA_DATA.length}\nchecksum=${checksum}\n`,
    files: { 'bin/apply_extra': '#!/usr/bin/sh\ncat /app/extra/data.txt > /app/extra/applied\n' },
  });
}

/** Text of a .flatpakrepo file. */
export function repoFile(url: string, { publicKey }: Signer, more = ''): string {
  const key = readFileSync(publicKey, 'utf8')
    .replace(/^-+BEGIN[^]*?\n\n/, '')
    .replace(/\n=[\w+/]{4}\n-+END[^]*$/, '')
    .replaceAll('\n', '');
  return `[Flatpak Repo]\nTitle=Repository of the tests\nUrl=${url}\nGPGKey=${key}\n${more}`;
}
