/** What tests of Flatpak need: a workspace of a small system, and a repository with apps of every kind, over HTTP. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { defaultStoreDir } from '../../src/env.ts';
import {
  app,
  extraDataApp,
  EXTRA_DATA,
  flatpakRepo,
  locale,
  localeExtension,
  makeSigner,
  PLATFORM,
  type FlatpakRepo,
  type Signer,
} from './flatpak-repo.ts';
import type { Finished } from './osmith.ts';
import { smallWorkspace, type Small } from './small.ts';
import { serve, type WebServer } from './web-server.ts';

/** Steps before Flatpak's are shared with other builds on this machine. */
export const STORE = defaultStoreDir();

const ARCHITECTURE = process.arch === 'x64' ? 'amd64' : 'arm64';

/** An app with translations and with a description of itself. */
export const HELLO = 'org.test.Hello';

const ABOUT = `<components version="0.8" origin="test">
  <component type="desktop-application">
    <id>${HELLO}</id>
    <name>Hello</name>
    <summary>Says hello &amp; goodbye</summary>
    <releases><release version="1.2" timestamp="1714979289"/></releases>
  </component>
</components>
`;

export interface FlatpakBench {
  dir: string;
  small: Small;
  maker: Signer;
  repo: FlatpakRepo;
  /** Serves the repository; tests may put another one in its place. */
  server: WebServer;
  /** Writes the lines of the local configuration, from the second line of its file on; that file. */
  configure: (text: string) => string;
  /** What is built there, in the terms of the store: results of other tests are there too. */
  variant: string;
  /** `osmith COMMAND` in the workspace. */
  run: (args: string[]) => Promise<Finished>;
  close: () => Promise<void>;
}

/** Files that no earlier run left in the cache. */
function unique(dir: string, count: number): Record<string, string> {
  const name = (index: number) => `share/pieces/${index}`;
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [name(index), `${dir} ${index}`]));
}

/** `personality` tells tests apart that run at the same time. */
export async function flatpakBench(personality: string): Promise<FlatpakBench> {
  const dir = mkdtempSync(join(tmpdir(), 'osmith-test-'));
  const small = smallWorkspace();
  const maker = await makeSigner(dir, 'maker');
  const repo = flatpakRepo(join(dir, 'one'), {
    ...{ signer: maker, collection: 'org.test.Apps', title: 'Test apps' },
  });
  const hello = {
    ...{ bytes: 300_000, more: localeExtension(HELLO, 'share/runtime/locale') },
    files: {
      'share/runtime/locale/.here': '',
      [`share/app-info/xmls/${HELLO}.xml.gz`]: gzipSync(ABOUT),
    },
  };
  await repo.add(...PLATFORM, app(HELLO, hello), locale(HELLO, ['de', 'en', 'es']));
  const server = await serve(repo.dir);
  await repo.add(
    app('org.test.Story.es', { bytes: 5000, files: { 'share/nonce': dir } }),
    extraDataApp('org.test.Extra', `${server.url}/data.txt`),
    app('org.test.Old', { options: ['--end-of-life=Nobody maintains it'] }),
    app('org.test.Renamed', { options: ['--end-of-life-rebase=org.test.Hello'] }),
    app('org.test.Beta', { branch: 'beta' }),
    app('org.test.Pieces', { files: unique(dir, 60) }),
  );
  writeFileSync(join(repo.dir, 'data.txt'), EXTRA_DATA);
  const bench: FlatpakBench = {
    ...{
      dir,
      small,
      maker,
      repo,
      server,
      variant: `small-deb-${ARCHITECTURE}-${ARCHITECTURE}-${personality}`,
    },
    configure(text) {
      const file = join(small.workspace, 'config/local.ini');
      writeFileSync(file, `# of this test\n${text}`);
      return file;
    },
    run: (args) => small.run([...args, '--personality', personality], { env: { OSMITH_STORE: STORE } }),
    async close() {
      await bench.server.close();
      await small.remove();
      await rm(dir, { recursive: true, force: true });
    },
  };
  return bench;
}
