/** `osmith keys generate`: a pair of keys that tokens are signed and verified with. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Command, Option } from 'commander';
import { formatKey, generateKey, type Key, publicKeyOf, writeKeyPair } from '../pattern/index.ts';
import { globals } from './globals.ts';
import { defaultKeyFile } from './key-files.ts';

export function register(program: Command): void {
  const keys = program.command('keys').description('keys that tokens are signed and verified with');
  const command = keys
    .command('generate')
    .description('make a pair: NAME.key is private, NAME.pub is printed')
    .argument('[name]', 'path of the files, without extension; default: sign in your configuration directory')
    .addOption(
      new Option('--algorithm <name>', 'what kind of keys')
        .choices(['ed25519', 'ecp256', 'rsa'])
        .default('ed25519'),
    )
    .option('--id <id>', 'name of the key in tokens; default: a fingerprint')
    .action(
      async (name: string | undefined, { algorithm, id }: { algorithm: Key['algorithm']; id?: string }) => {
        const privateFile = name === undefined ? defaultKeyFile('key') : `${name}.key`;
        const publicFile = name === undefined ? defaultKeyFile('pub') : `${name}.pub`;
        await mkdir(dirname(privateFile), { recursive: true, ...(name === undefined && { mode: 0o700 }) });
        const key = generateKey(algorithm, id);
        await writeKeyPair(key, privateFile, publicFile);
        const publicKey = formatKey(publicKeyOf(key));
        process.stderr.write(`${privateFile} is private: keep it, and a copy in a safe place\n`);
        const result = { type: 'key', privateFile, publicFile, publicKey };
        process.stdout.write(globals(command).json ? `${JSON.stringify(result)}\n` : `${publicKey}\n`);
      },
    );
}
