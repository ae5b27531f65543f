/** Connects a machine's serial console with the user's terminal. */
import type { Vm } from './vm.ts';

/** The key that leaves: telnet's, which no shell or editor needs. */
const LEAVE_KEY = 0x1d;
export const LEAVE = 'Ctrl-]';

/** Hands keys to the machine and its output to the terminal; says whether the machine ended or the user left. */
export async function connectTerminal(vm: Vm, signal: AbortSignal): Promise<'ended' | 'left'> {
  const { stdin, stdout } = process;
  vm.serial.onOutput((bytes) => stdout.write(bytes));
  let leave: () => void;
  const left = new Promise<'left'>((resolve) => (leave = () => resolve('left')));
  const onKeys = (keys: Buffer) => {
    const end = keys.indexOf(LEAVE_KEY);
    const text = (end < 0 ? keys : keys.subarray(0, end)).toString();
    if (text !== '') vm.serial.send(text);
    if (end >= 0) leave();
  };
  const abort = () => leave();
  stdin.setRawMode(true);
  stdin.on('data', onKeys);
  stdin.on('end', abort);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([left, vm.ended.then(() => 'ended' as const)]);
  } finally {
    signal.removeEventListener('abort', abort);
    stdin.off('data', onKeys);
    stdin.off('end', abort);
    stdin.setRawMode(false);
    stdin.pause();
    // Colours, line wrapping and the cursor as they were, whatever the guest left behind.
    stdout.write('\x1b[0m\x1b[?7h\x1b[?25h\r\n');
  }
}
