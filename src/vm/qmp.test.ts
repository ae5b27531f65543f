import { once } from 'node:events';
import { createServer, connect, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { allowReset, openQmp, pressPower, quit } from './qmp.ts';

/** QEMU's side of a QMP connection. */
function fakeQemu(path: string, answer: (command: string, args: unknown) => object | undefined): Socket {
  const socket = connect(path);
  socket.on('error', () => {});
  socket.write('{"QMP": {"version": {}, "capabilities": []}}\r\n');
  createInterface({ input: socket }).on('line', (line) => {
    const {
      execute,
      id,
      arguments: args,
    } = JSON.parse(line) as {
      execute: string;
      id: number;
      arguments?: unknown;
    };
    const reply = answer(execute, args);
    if (reply === undefined) socket.destroy();
    else socket.write(`${JSON.stringify({ ...reply, id })}\r\n`);
  });
  return socket;
}

describe('openQmp', () => {
  let dir: string;
  let path: string;
  let server: Server;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'osmith-qmp-'));
    path = join(dir, 'qmp');
    server = createServer().listen(path);
    await once(server, 'listening');
  });
  afterEach(async () => {
    server.close();
    await rm(dir, { recursive: true });
  });

  async function connected(answer: (command: string, args: unknown) => object | undefined) {
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const qemu = fakeQemu(path, answer);
    const [socket] = await accepted;
    return { qemu, qmp: await openQmp(socket) };
  }

  it('negotiates, then sends commands', async () => {
    const asked: unknown[] = [];
    const { qmp } = await connected((command, args) => {
      asked.push(args === undefined ? command : [command, args]);
      return { return: {} };
    });
    await pressPower(qmp);
    await allowReset(qmp, true);
    expect(asked).toEqual(['qmp_capabilities', 'system_powerdown', ['set-action', { reboot: 'reset' }]]);
    qmp.close();
  });

  it("tells QEMU's refusal", async () => {
    const { qmp } = await connected((command) =>
      command === 'x' ? { error: { class: 'CommandNotFound', desc: 'no such command' } } : { return: {} },
    );
    await expect(qmp.execute('x')).rejects.toThrow('QEMU refused a command: no such command');
    qmp.close();
  });

  it('hears events', async () => {
    const { qmp, qemu } = await connected(() => ({ return: {} }));
    const heard = new Promise((resolve) => qmp.onEvent(resolve));
    qemu.write('{"event": "RESET", "data": {"guest": true}}\r\n');
    expect(await heard).toEqual({ event: 'RESET', data: { guest: true } });
    expect(qmp.events).toHaveLength(1);
    qmp.close();
  });

  it('fails commands when QEMU is gone, and takes that as quitting', async () => {
    const { qmp } = await connected((command) => (command === 'quit' ? undefined : { return: {} }));
    await quit(qmp);
    await expect(qmp.execute('cont')).rejects.toThrow('QEMU has ended');
  });
});
