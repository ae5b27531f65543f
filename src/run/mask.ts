/** Takes secrets out of a text that is to be shown to others. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/index.ts';
import { envVar } from '../env.ts';
import { CREDENTIALS } from '../plan/declarations.ts';
import { credentialFiles, readSecrets } from './credentials.ts';

/** Shorter ones are found in every text. */
const SHORTEST = 4;

const SECRET_VARIABLES = ['AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'];

/** All that this run could know and nobody else may: credentials, private options, keys of the environment. */
export async function knownSecrets(config: Config, credentials: string): Promise<string[]> {
  const there = async (name: string) =>
    (
      await Promise.all(
        credentialFiles([name]).map(async (file) => stat(join(credentials, file)).then(Boolean, () => false)),
      )
    ).every(Boolean);
  const texts = SECRET_VARIABLES.flatMap((name) => envVar(name) ?? []);
  for (const name of CREDENTIALS)
    if (await there(name)) texts.push(...(await readSecrets(credentials, [name])));
  for (const section of config.sections())
    for (const option of config.options(section))
      if (config.isPrivate(section, option)) texts.push(...privateTexts(config.find(section, option)));
  return [...new Set(texts)].filter((text) => text.length >= SHORTEST).sort((a, b) => b.length - a.length);
}

/** A log has lines: a value of several is looked for line by line too. */
function privateTexts(value: string | undefined): string[] {
  const text = value?.trim() ?? '';
  return [text, ...text.split(/\s*\n\s*/)];
}

export function mask(text: string, secrets: readonly string[]): string {
  return secrets.reduce((shown, secret) => shown.replaceAll(secret, '[hidden]'), text);
}
