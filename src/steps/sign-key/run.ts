/** Finds out whether a key can sign, before anything is made that it is to sign; and which part of it does. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { OsmithError } from '../../errors.ts';
import { listKeysArgv, signArgv } from '../../release/openpgp/gpg.ts';
import { chooseSigner, whyUnsigned } from '../../release/openpgp/keys.ts';
import { defineStep, type StepContext } from '../types.ts';

const params = z.strictObject({
  /** Fingerprint or key id, in capital letters. */
  key: z.string(),
});
type Params = z.infer<typeof params>;

function unusable({ params: { key } }: StepContext<Params>, why: string, tail?: string[]): OsmithError {
  return new OsmithError('E_KEY', `The key ${key}, which is to sign, ${why}`, {
    hint: 'Check sign.key, and gnupg/ in the directory of the credentials: gpg --homedir DIR/gnupg --list-secret-keys',
    tail,
  });
}

async function list(context: StepContext<Params>, kind: 'secret' | 'public'): Promise<string> {
  const argv = listKeysArgv(kind, context.params.key);
  return (await context.exec({ argv, stdout: 'capture', okCodes: [0, 2] })).stdout;
}

export default defineStep<Params>({
  kind: 'sign-key',
  summary: ({ key }) => `Check the key ${key}`,
  params,
  async run(context) {
    const signer = chooseSigner(
      context.params.key,
      await list(context, 'secret'),
      await list(context, 'public'),
    );
    if (typeof signer === 'string') throw unusable(context, signer);
    const { fingerprint, created } = signer;
    await writeFile(join(context.work, 'key'), `${fingerprint} ${created}\n`);
    try {
      const trial = { fingerprint, time: created, file: '/work/key', out: '/work/trial' };
      await context.exec({ argv: signArgv(trial) });
    } catch (error) {
      if (!(error instanceof OsmithError) || error.code !== 'E_TOOL') throw error;
      const tail = error.details.tail ?? [];
      throw unusable(context, whyUnsigned(tail), tail);
    }
    return { files: { key: 'key' }, facts: { fingerprint, created } };
  },
});
