/** Which keys a command signs and verifies with. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { configDir, envVar, now } from '../env.ts';
import { OsmithError } from '../errors.ts';
import { type Key, readKeyFile, type SignCommand, type VerifyOptions } from '../pattern/index.ts';
import { collect } from './arguments.ts';

/** Where `osmith keys generate` puts a pair that is not named. */
export function defaultKeyFile(extension: 'key' | 'pub'): string {
  return join(configDir(), `sign.${extension}`);
}

export interface SignerFlags {
  key?: string;
  signCommand?: string[];
  publicKey?: string;
}

/** The options of commands that sign. */
export function addSignerOptions(command: Command): Command {
  return command
    .option(
      '--key <file>',
      'private key that signs; default: $OSMITH_SIGN_KEY, else that of `osmith keys generate`',
    )
    .addOption(
      new Option(
        '--sign-command <argv...>',
        'program that signs, in place of a key: gets what is to be signed on its standard input, prints the signature',
      ).conflicts('key'),
    )
    .option('--public-key <file>', 'public key of --sign-command');
}

/** What signs, by those options. */
export async function readSigner({ key, signCommand, publicKey }: SignerFlags): Promise<Key | SignCommand> {
  if (signCommand !== undefined) {
    if (publicKey === undefined)
      throw new OsmithError('E_USAGE', '--sign-command needs --public-key', {
        hint: 'It says which key signs',
      });
    return { argv: signCommand, publicKey: await readKeyFile(publicKey) };
  }
  const file = key ?? envVar('OSMITH_SIGN_KEY') ?? defaultKeyFile('key');
  const signer = await readKeyFile(file);
  if (signer.kind !== 'private') throw new OsmithError('E_KEY', `${file} is a public key: it cannot sign`);
  return signer;
}

export interface VerifyFlags {
  key: string[];
  verifyCommand?: string[];
  audience?: string;
  rule?: string;
}

/** The options of commands that verify. */
export function addVerifyOptions(command: Command): Command {
  return command
    .option(
      '--key <file>',
      'public key to verify with (repeatable); default: that of `osmith keys generate`',
      collect,
      [],
    )
    .option('--verify-command <argv...>', 'program that verifies: gets the token on its standard input')
    .option('--audience <name>', 'one of the audiences of the token must be this')
    .option('--rule <expression>', 'Jsonnet expression over `claims` that must be true');
}

/** What verifies, by those options. */
export async function verifyOptions({
  key,
  verifyCommand,
  audience,
  rule,
}: VerifyFlags): Promise<VerifyOptions> {
  const own = defaultKeyFile('pub');
  const files = key.length === 0 && verifyCommand === undefined && existsSync(own) ? [own] : key;
  const keys: VerifyOptions['keys'] = await Promise.all(files.map(readKeyFile));
  if (verifyCommand !== undefined) keys.push({ argv: verifyCommand });
  return { keys, now: now(), audience, rule };
}

/** Says how to name a key where there was none. */
export function withKeyHint(failure: OsmithError, { keys }: VerifyOptions): OsmithError {
  const hint = keys.length === 0 ? 'Name the public key with --key' : undefined;
  return new OsmithError(failure.code, failure.message, {
    ...failure.details,
    hint: failure.details.hint ?? hint,
  });
}
