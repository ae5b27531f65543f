import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { debugfsArgv, immutableCommand, parseFlags, statArgv, xattrCommand } from './debugfs.ts';
import { describeWith, run, scratch } from './testing.ts';

describeWith(['mke2fs', 'debugfs', 'e2fsck'], 'a finished file system', () => {
  it('gets an attribute and an immutable directory, and stays sound', () => {
    const image = join(scratch(), 'image');
    const script = `${image}.commands`;
    writeFileSync(image, '');
    truncateSync(image, 16 * 1024 * 1024);
    expect(run(['mke2fs', '-q', '-t', 'ext4', image]).status).toBe(0);
    run(['debugfs', '-w', '-R', 'mkdir /deploy', image]);
    const flags = parseFlags(run(statArgv(image, '/deploy')).stdout);
    const commands = [immutableCommand('/deploy', flags), xattrCommand('/', 'user.osmith', 'a_b.1')];
    writeFileSync(script, `${commands.join('\n')}\n`);
    expect(run(debugfsArgv(image, script)).status).toBe(0);
    expect(parseFlags(run(statArgv(image, '/deploy')).stdout)).toBe(flags | 0x10);
    expect(run(['debugfs', '-R', 'ea_get / user.osmith', image]).stdout).toContain('a_b.1');
    expect(run(['e2fsck', '-fn', image])).toMatchObject({ status: 0 });
  });

  it('is asked for no path that debugfs would read otherwise', () => {
    for (const path of ['/a b', '/a"', '/a\nrm /b', '<2>'])
      expect(() => statArgv('x', path)).toThrow(TypeError);
  });
});
