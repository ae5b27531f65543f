/** Signs a file: a detached OpenPGP signature, the same bytes for the same file and key. */
import { z } from 'zod';
import { OsmithError } from '../../errors.ts';
import { signArgv } from '../../release/openpgp/gpg.ts';
import { defineStep } from '../types.ts';

const params = z.strictObject({
  /** What people call the file. */
  name: z.string(),
});

export default defineStep<z.infer<typeof params>>({
  kind: 'sign',
  summary: ({ name }) => `Sign ${name}`,
  params,
  async run(context) {
    const { fingerprint, created } = context.facts('key');
    if (typeof fingerprint !== 'string' || typeof created !== 'number')
      throw new OsmithError('E_INTERNAL', 'The check of the key does not say which one signs');
    // A signature that is older than its key would be refused.
    const time = Math.max(context.epoch, created);
    const out = 'signature.asc';
    await context.exec({ argv: signArgv({ fingerprint, time, file: '/in/file', out: `/work/${out}` }) });
    return { files: { signature: out } };
  },
});
