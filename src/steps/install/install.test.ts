import { expect, test } from 'vitest';
import { DISTROS } from '../../distro/data.ts';
import { runStep, treeOf } from '../testing.ts';

const source = { suite: 'any', arch: 'amd64', components: ['main'], mirror: '', keyring: '' };

test.each(Object.keys(DISTROS))('%s: with nothing to install the system stays as it is', async (distro) => {
  const list = Buffer.from(JSON.stringify({ packages: [], index: '' }));
  const base = treeOf([{ path: 'etc/os-release', content: `ID=${distro}\n` }]);
  const params = { ...source, distro, packages: [] };
  const { result } = await runStep('install', params, { list, base });
  expect(result.trees['tree']!.layers).toHaveLength(1);
});
