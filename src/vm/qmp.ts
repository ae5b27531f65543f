/** QMP, QEMU's control protocol: JSON lines over a socket (QEMU's docs/interop/qmp-spec). */
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { OsmithError } from '../errors.ts';

export interface QmpEvent {
  event: string;
  data?: Record<string, unknown>;
}

interface Reply {
  id?: number;
  return?: unknown;
  error?: { class: string; desc: string };
}

export interface Qmp {
  execute(command: string, args?: Record<string, unknown>): Promise<unknown>;
  /** Every event so far. */
  events: readonly QmpEvent[];
  /** Called at each further event. */
  onEvent(listener: (event: QmpEvent) => void): void;
  close(): void;
}

/** Speaks QMP on a connected socket; resolves once QEMU takes commands. */
export async function openQmp(socket: Socket): Promise<Qmp> {
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  const events: QmpEvent[] = [];
  const listeners: ((event: QmpEvent) => void)[] = [];
  let closed = false;
  let nextId = 1;
  let greeted: () => void;
  const greeting = new Promise<void>((resolve) => (greeted = resolve));

  const end = () => {
    closed = true;
    greeted();
    for (const { reject } of waiting.values()) reject(gone());
    waiting.clear();
  };
  // A QEMU that is killed resets the connection; readline reports the socket's errors a second time.
  socket.on('error', end);
  socket.on('close', end);
  const lines = createInterface({ input: socket, crlfDelay: Infinity });
  lines.on('error', end);
  lines.on('line', (line) => {
    const message = JSON.parse(line) as Reply & Partial<QmpEvent> & { QMP?: unknown };
    if (message.QMP !== undefined) greeted();
    else if (message.event !== undefined) {
      const event = message as QmpEvent;
      events.push(event);
      for (const listener of listeners) listener(event);
    } else if (message.id !== undefined) {
      const caller = waiting.get(message.id);
      waiting.delete(message.id);
      if (message.error === undefined) caller?.resolve(message.return);
      else caller?.reject(new OsmithError('E_TOOL', `QEMU refused a command: ${message.error.desc}`));
    }
  });

  const execute = (command: string, args?: Record<string, unknown>) =>
    new Promise<unknown>((resolve, reject) => {
      if (closed) return reject(gone());
      const id = nextId++;
      waiting.set(id, { resolve, reject });
      socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    });

  await greeting;
  await execute('qmp_capabilities');
  return {
    execute,
    events,
    onEvent: (listener) => listeners.push(listener),
    close: () => socket.destroy(),
  };
}

function gone(): OsmithError {
  return new OsmithError('E_TOOL', 'QEMU has ended');
}

/** Presses the power button; the system is expected to shut down. */
export async function pressPower(qmp: Qmp): Promise<void> {
  await qmp.execute('system_powerdown');
}

/** Ends QEMU without telling the guest. That it is gone before it could answer is no failure. */
export async function quit(qmp: Qmp): Promise<void> {
  await qmp.execute('quit').catch(() => {});
}

/** Whether a reset of the guest restarts the machine or ends QEMU. */
export async function allowReset(qmp: Qmp, allow: boolean): Promise<void> {
  await qmp.execute('set-action', { reboot: allow ? 'reset' : 'shutdown' });
}

/** The port of this machine that leads to a port of the guest. */
export async function forwardedPort(qmp: Qmp, guest: number): Promise<number> {
  const text = await qmp.execute('human-monitor-command', { 'command-line': 'info usernet' });
  // Protocol, file descriptor, address and port here, address and port in the guest.
  const line = new RegExp(`^\\s*TCP\\[HOST_FORWARD\\]\\s+\\d+\\s+\\S+\\s+(\\d+)\\s+\\S+\\s+${guest}\\s`, 'm');
  const port = line.exec(String(text))?.[1];
  if (port !== undefined) return Number(port);
  throw new OsmithError('E_TOOL', `QEMU forwards nothing to port ${guest} of the guest`);
}

/** Writes what the screen shows to a PNG file; the machine needs `graphics`. */
export async function screendump(qmp: Qmp, file: string): Promise<void> {
  await qmp.execute('screendump', { filename: file, format: 'png' });
}
