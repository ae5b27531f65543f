/** Waits for what a starting machine does: it comes up, it is refused, it switches itself off. */
import { now } from '../env.ts';
import { OsmithError } from '../errors.ts';
import { diagnose, finalFailure, type BootPart, type Ending } from './diagnose.ts';
import { pressPower } from './qmp.ts';
import type { Vm } from './vm.ts';

/** The prompt of a getty, between whose parts a message of the kernel may have come; or a shell's that asks for no login. */
const LOGIN_PROMPT = /^(?:\S+ )?login: ?|^~ # $/m;

/** The console's last lines, without the empty ones. */
export function consoleTail(vm: Vm, lines = 15): string[] {
  return vm.serial
    .text()
    .split('\n')
    .map((line) => line.replaceAll('\ufffd', '').trimEnd()) // boxes that firmware draws in an old character set
    .filter((line) => line !== '')
    .slice(-lines);
}

/** Why it does not come up, with the console's end. */
export function bootError(vm: Vm, ending: Ending): OsmithError {
  const log = `${vm.serial.text()}\n${vm.complaints()}`;
  const { sentence, hint } = diagnose(log, ending, (now() - vm.started) / 1000);
  return new OsmithError('E_BOOT', sentence, { hint, tail: consoleTail(vm), log: vm.log });
}

/** Milliseconds. */
const LAST_WORDS = 1000;

/** Waits for the login prompt on the console; throws E_BOOT as soon as it is clear that none will come. */
export async function waitUp(vm: Vm, seconds: number, signal: AbortSignal): Promise<void> {
  const result = await vm.serial.until(
    (text) => {
      const prompt = LOGIN_PROMPT.exec(text);
      if (prompt !== null) return 'up';
      return finalFailure(`${text}\n${vm.complaints()}`) === undefined ? undefined : 'failed';
    },
    { timeout: seconds * 1000, signal },
  );
  if (result.type === 'found' && result.value === 'up') return;
  if (result.type === 'closed') await vm.ended;
  // The rest of what it has to say, for the log.
  else await vm.serial.until(() => undefined, { timeout: LAST_WORDS, signal });
  throw bootError(vm, result.type === 'timeout' ? 'timeout' : result.type === 'closed' ? 'ended' : 'final');
}

/** After a refusal the machine must stay where it is: this long, in milliseconds. */
const SETTLE = 3000;

/** Waits until Secure Boot refuses a part; throws when another is refused, or the system starts all the same. */
export async function waitRefused(
  vm: Vm,
  part: BootPart,
  seconds: number,
  signal: AbortSignal,
): Promise<string> {
  const result = await vm.serial.until(
    (text) => finalFailure(text) ?? (/Linux version/.test(text) ? 'started' : undefined),
    { timeout: seconds * 1000, signal },
  );
  const started = new OsmithError('E_TEST', `The ${part} was changed, yet the system started`, {
    hint: 'Secure Boot does not protect this image',
    log: vm.log,
  });
  if (result.type !== 'found') throw bootError(vm, result.type === 'timeout' ? 'timeout' : 'ended');
  if (result.value === 'started') throw started;
  if (result.value.refused !== part) {
    throw new OsmithError('E_TEST', `Not the ${part} was refused, but: ${result.value.sentence}`, {
      tail: consoleTail(vm),
      log: vm.log,
    });
  }
  const after = await vm.serial.expect(/Linux version/, { timeout: SETTLE, signal });
  if (after.type === 'found') throw started;
  return result.value.sentence;
}

/** A press that comes before the system watches its buttons is lost: it is repeated, as people do. In milliseconds. */
const PRESS_AGAIN = 10_000;

/** Presses the power button and waits until the machine is off. */
export async function powerOff(vm: Vm, seconds: number, signal: AbortSignal): Promise<void> {
  const press = () => void pressPower(vm.qmp).catch(() => {}); // it may be off already
  press();
  const timer = setInterval(press, PRESS_AGAIN);
  try {
    await waitOff(vm, seconds, signal);
  } finally {
    clearInterval(timer);
  }
}

/** Waits until the machine is off. */
export async function waitOff(vm: Vm, seconds: number, signal: AbortSignal): Promise<void> {
  const result = await vm.serial.until(() => undefined, { timeout: seconds * 1000, signal });
  if (result.type === 'closed') return vm.ended;
  throw new OsmithError('E_BOOT', `The system did not switch itself off within ${seconds} s`, {
    tail: consoleTail(vm),
    log: vm.log,
  });
}
