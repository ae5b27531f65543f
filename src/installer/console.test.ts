import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { expect, it, onTestFinished } from 'vitest';
import { describeWith } from '../disk/testing.ts';
import { openConsole, openTerminal } from './console.ts';

/** Makes a terminal, prints its name, then what is shown on it; what it is sent is typed there. */
const TERMINAL = `
import os, select, sys
master, slave = os.openpty()
print(os.ttyname(slave), flush=True)
while True:
    for source in select.select([0, master], [], [])[0]:
        data = os.read(source, 4096)
        if source == 0 and not data: sys.exit()
        os.write(master if source == 0 else 1, data)
`;

describeWith(['python3'], 'a real terminal', () => {
  it('is asked one question after the other, and answered at once', async () => {
    const python = spawn('python3', ['-c', TERMINAL], { stdio: ['pipe', 'pipe', 'inherit'] });
    onTestFinished(() => void python.stdin.end());
    const lines = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
    const next = async () => (await lines.next()).value as string;
    const console = openConsole(openTerminal(await next()));
    for (const typed of ['vdz', '2', '', 'last']) {
      const answer = console.ask('Which?');
      python.stdin.write(`${typed}\n`);
      expect(await answer).toBe(typed);
      console.say(`got ${typed}`);
    }
    expect(console.log()).toContain('Which? vdz\ngot vdz\n');
  });
});
