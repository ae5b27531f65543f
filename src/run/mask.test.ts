import { writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { scene } from '../config/testing.ts';
import { knownSecrets, mask } from './mask.ts';

test('credentials, private options and keys of the environment are hidden, and nothing else', async () => {
  using made = scene({
    'ws/config/schema.ini':
      '[attributes]\norder = product branch arch platform personality\nproduct = p\nbranch = b\narch = amd64\npersonality = q\n[x]\na_type = string\nb_type = string\n',
    'ws/config/defaults.ini': '[x]\na = open\nb = for ${a}\n',
    'ws/config/private.ini': '[x]\na = first line\n    second-line\n',
  });
  const credentials = join(made.dir, 'credentials');
  mkdirSync(credentials);
  writeFileSync(join(credentials, 'netrc'), 'machine m login me password pass-word\n');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'from-the-environment');
  try {
    const secrets = await knownSecrets(made.load(), credentials);
    const text = 'x pass-word y second-line z from-the-environment me machine, for first line, line';
    expect(mask(text, secrets)).toBe('x [hidden] y [hidden] z [hidden] me machine, [hidden], line');
  } finally {
    vi.unstubAllEnvs();
  }
});
