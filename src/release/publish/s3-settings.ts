/** Where S3 is and who we are there, from the places that every program for S3 reads: AWS_* and the files of a profile. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { envVar } from '../../env.ts';
import { isSystemError, OsmithError } from '../../errors.ts';
import type { Credentials } from './s3-sign.ts';

export interface S3Settings {
  credentials: Credentials;
  region: string;
  /** Of the bucket, with `/` at its end. */
  url: URL;
}

type Profile = Record<string, string>;

/** A section of a profile file; {} where there is none. No message ever has a line of it: lines are secrets. */
export function readProfile(text: string, names: readonly string[]): Profile {
  const found: Profile = {};
  let inside = false;
  for (const line of text.split(/\r?\n/)) {
    const [, section] = /^\s*\[\s*([^\]]+?)\s*\]/.exec(line) ?? [];
    if (section !== undefined) inside = names.includes(section);
    const [, name, value] = /^([A-Za-z]\w*)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (inside && name !== undefined) found[name] = value!;
  }
  return found;
}

async function profileOf(file: string, names: readonly string[]): Promise<Profile> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (isSystemError(error) && error.code === 'ENOENT') return '';
    throw new OsmithError('E_TARGET', `${file} cannot be read: ${(error as Error).message}`);
  });
  return readProfile(text, names);
}

/** Throws E_TARGET where there are no credentials. */
export async function readSettings(bucket: string): Promise<S3Settings> {
  const profile = envVar('AWS_PROFILE') ?? 'default';
  const shared = envVar('AWS_SHARED_CREDENTIALS_FILE') ?? join(homedir(), '.aws/credentials');
  const config = envVar('AWS_CONFIG_FILE') ?? join(homedir(), '.aws/config');
  const settings = {
    ...(await profileOf(config, [profile, `profile ${profile}`])),
    ...(await profileOf(shared, [profile])),
  };
  const region = envVar('AWS_REGION') ?? envVar('AWS_DEFAULT_REGION') ?? settings['region'] ?? 'us-east-1';
  const endpoint = envVar('AWS_ENDPOINT_URL_S3') ?? envVar('AWS_ENDPOINT_URL') ?? settings['endpoint_url'];
  return {
    ...{ region, url: bucketUrl(bucket, region, endpoint) },
    credentials: credentialsOf(settings, profile, shared),
  };
}

function credentialsOf(settings: Profile, profile: string, file: string): Credentials {
  const [accessKey, secret] = [envVar('AWS_ACCESS_KEY_ID'), envVar('AWS_SECRET_ACCESS_KEY')];
  // Never one half from here and one from there.
  if (accessKey !== undefined && secret !== undefined)
    return { accessKey, secret, sessionToken: envVar('AWS_SESSION_TOKEN') };
  const { aws_access_key_id: id, aws_secret_access_key: key, aws_session_token: sessionToken } = settings;
  if (id !== undefined && key !== undefined) return { accessKey: id, secret: key, sessionToken };
  throw new OsmithError('E_TARGET', 'There are no credentials for S3', {
    hint: `Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write them to the section [${profile}] of ${file}`,
  });
}

/** With the bucket in the host's name, but in the path for other servers than Amazon's, and where TLS wants it. */
export function bucketUrl(bucket: string, region: string, endpoint?: string): URL {
  if (endpoint !== undefined) {
    if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol))
      throw new OsmithError('E_TARGET', 'AWS_ENDPOINT_URL is not the URL of a server');
    return new URL(`${endpoint.replace(/\/+$/, '')}/${bucket}/`);
  }
  const domain = `amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
  return bucket.includes('.')
    ? new URL(`https://s3.${region}.${domain}/${bucket}/`)
    : new URL(`https://${bucket}.s3.${region}.${domain}/`);
}
