/** Credentials for registries, from the files that docker, podman and skopeo share (containers-auth.json(5)). */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { envVar } from '../env.ts';
import { isSystemError, OsmithError } from '../errors.ts';

export interface Credentials {
  username: string;
  password: string;
  /** An OAuth2 refresh token, in place of a password. */
  identityToken?: string;
}

const authFile = z.looseObject({
  auths: z
    .record(
      z.string(),
      z.looseObject({
        auth: z.string().optional(),
        username: z.string().optional(),
        password: z.string().optional(),
        identitytoken: z.string().optional(),
      }),
    )
    .optional(),
  credHelpers: z.record(z.string(), z.string()).optional(),
  credsStore: z.string().optional(),
});
type AuthFile = z.infer<typeof authFile>;

/** Where the files are, the first that knows the registry wins. */
function authFiles(): string[] {
  const named = envVar('REGISTRY_AUTH_FILE');
  const runtime = envVar('XDG_RUNTIME_DIR');
  const config = envVar('XDG_CONFIG_HOME') ?? join(homedir(), '.config');
  return [
    ...(named === undefined ? [] : [named]),
    ...(runtime === undefined ? [] : [join(runtime, 'containers/auth.json')]),
    join(config, 'containers/auth.json'),
    join(envVar('DOCKER_CONFIG') ?? join(homedir(), '.docker'), 'config.json'),
  ];
}

async function readAuthFile(file: string): Promise<AuthFile | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (isSystemError(error) && ['ENOENT', 'ENOTDIR', 'EACCES'].includes(error.code!)) return undefined;
    throw error;
  }
  try {
    return authFile.parse(JSON.parse(text));
  } catch (cause) {
    throw new OsmithError('E_COMPOSE', `${file} is no file of registry credentials`, {
      cause,
      where: { file },
      hint: 'Log in again with `docker login`, `podman login` or `skopeo login`, or remove the file',
    });
  }
}

/** `https://index.docker.io/v1/` and `docker.io` are the same place. */
function keyName(key: string): string {
  const bare = key
    .replace(/^https?:\/\//, '')
    .replace(/\/v[12]\/?$/, '')
    .replace(/\/$/, '');
  return bare === 'index.docker.io' || bare === 'registry-1.docker.io' ? 'docker.io' : bare;
}

/** Keys that apply to a repository, the longest first: `host/a/b`, `host/a`, `host`. */
function scopes(registry: string, repository: string): string[] {
  const parts = [registry, ...repository.split('/')];
  return parts.map((_, i) => parts.slice(0, parts.length - i).join('/'));
}

function fromEntry(entry: NonNullable<AuthFile['auths']>[string]): Credentials | undefined {
  const { auth, username, password, identitytoken } = entry;
  const [user, ...rest] = Buffer.from(auth ?? '', 'base64')
    .toString('utf8')
    .split(':');
  const credentials = { username: username ?? user ?? '', password: password ?? rest.join(':') };
  if (identitytoken) return { ...credentials, identityToken: identitytoken };
  return credentials.username === '' ? undefined : credentials;
}

const helperOutput = z.looseObject({ Username: z.string(), Secret: z.string() });

/** Asks a `docker-credential-NAME` program. Its refusals mean that it has nothing. */
async function fromHelper(helper: string, registry: string): Promise<Credentials | undefined> {
  if (!/^[\w.-]+$/.test(helper)) return undefined;
  const server = registry === 'docker.io' ? 'https://index.docker.io/v1/' : registry;
  const { execa } = await import('execa');
  const asked = await execa(`docker-credential-${helper}`, ['get'], { input: server, reject: false });
  if (asked.failed) return undefined;
  const { Username: username, Secret: secret } = helperOutput.parse(JSON.parse(asked.stdout));
  if (username === '<token>') return { username: '', password: '', identityToken: secret };
  return { username, password: secret };
}

/** The user's credentials for a repository, if there are any. */
export async function findCredentials(
  registry: string,
  repository: string,
  files: readonly string[] = authFiles(),
): Promise<Credentials | undefined> {
  for (const path of files) {
    const file = await readAuthFile(path);
    if (file === undefined) continue;
    const helper = file.credHelpers?.[registry];
    const helped = helper === undefined ? undefined : await fromHelper(helper, registry);
    if (helped !== undefined) return helped;
    const entries = new Map(Object.entries(file.auths ?? {}).map(([key, entry]) => [keyName(key), entry]));
    for (const scope of scopes(registry, repository)) {
      const entry = entries.get(scope);
      const found = entry && fromEntry(entry);
      if (found !== undefined) return found;
    }
    const stored = file.credsStore === undefined ? undefined : await fromHelper(file.credsStore, registry);
    if (stored !== undefined) return stored;
  }
  return undefined;
}
