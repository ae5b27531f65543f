/** Runs commands inside the guest, through a shell on its serial console. */
import { OsmithError } from '../errors.ts';
import type { Login } from './login.ts';
import type { Serial } from './serial.ts';
import { consoleTail } from './up.ts';
import type { Vm } from './vm.ts';

export interface CommandResult {
  exitCode: number;
  /** Standard output and error, as the console shows them. */
  output: string;
}

export interface Guest {
  /** Runs a shell command. One that takes longer is interrupted, and reported with `timedOut`. */
  run(command: string, seconds: number): Promise<CommandResult & { timedOut: boolean }>;
  /** Starts a shell command and does not wait: the system that runs it may be about to go. */
  send(command: string): void;
}

/** A terminal takes at most 4095 bytes per line. */
const MAX_LINE = 4000;

/** Makes the prompt disappear, and messages of the kernel and of systemd with it: the console is ours now. */
const SETUP = [
  'export PS1= PS2= TERM=dumb SYSTEMD_COLORS=0 SYSTEMD_PAGER= PAGER=cat',
  'stty -echo columns 200 2>/dev/null',
  'dmesg -n 1 2>/dev/null',
  'kill -55 1', // SIGRTMIN+21: no status messages (systemd(1))
  'exec sh',
];

/** In single quotes nothing is special to the shell but the quote itself. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

// eslint-disable-next-line no-control-regex
const UNTYPABLE = /[\0-\x08\x0b-\x1f\x7f]/;

/** What to type for a command. Neither marker appears in it in one piece, so an echo is not taken for output. */
export function typed(command: string, id: number): string {
  const line = `printf '\\n@%s %s\\n' BEGIN ${id}; sh -c ${shellQuote(command)} </dev/null 2>&1; printf '\\n@%s %s %s\\n' END ${id} $?\n`;
  if (UNTYPABLE.test(line) || line.split('\n').some((part) => Buffer.byteLength(part) > MAX_LINE)) {
    throw new OsmithError('E_TEST', 'A command for the guest has control characters or too long a line', {
      hint: `A terminal takes at most ${MAX_LINE} bytes a line: break it`,
    });
  }
  return line;
}

/** Finds a command's output and exit code in the console's text. */
export function findResult(text: string, id: number): CommandResult | undefined {
  const match = new RegExp(`\\n@BEGIN ${id}\\n([^]*?)\\n@END ${id} (\\d+)\\n`).exec(text);
  return match === null ? undefined : { output: match[1]!.replace(/\n$/, ''), exitCode: Number(match[2]) };
}

/** How often a shell that may still be starting is called. Milliseconds. */
const PAUSE = 1500;

/** Logs in at the console's prompt. */
async function logIn(vm: Vm, { user, password }: Login, signal: AbortSignal): Promise<void> {
  const { serial } = vm;
  const failed = (what: string) =>
    new OsmithError('E_BOOT', `The system is up, but ${what}`, {
      hint: 'Logging in needs systemd 252 or newer in the image, and a login prompt on the serial console',
      tail: consoleTail(vm),
      log: vm.log,
    });
  serial.send(`${user}\n`);
  if ((await serial.expect(/Password: ?/, { timeout: 60_000, signal })).type !== 'found') {
    throw failed('it does not ask for a password');
  }
  serial.send(`${password}\n`);
  const answer = await callShell(serial, signal);
  if (answer === 'refused') throw failed('it does not accept the one-time password');
  if (answer === 'silent') throw failed('no shell answers on its console');
}

/** What is typed while a password is checked may be thrown away: calls until somebody answers, then makes it ready. */
async function callShell(serial: Serial, signal: AbortSignal): Promise<'ready' | 'refused' | 'silent'> {
  for (let attempt = 0; attempt < 40; attempt++) {
    const answer = await serial.expect(/Login incorrect|@READY\n/, { timeout: PAUSE, signal });
    if (answer.type === 'closed') break;
    if (answer.type === 'timeout') serial.send(`printf '@%s\\n' READY\n`);
    else if (answer.value[0].startsWith('@READY')) {
      await setUp(serial, signal);
      return 'ready';
    } else return 'refused';
  }
  return 'silent';
}

async function setUp(serial: Serial, signal: AbortSignal): Promise<void> {
  serial.send(`${SETUP.join('; ')}\n`);
  serial.send(`printf '@%s\\n' SET\n`);
  await serial.expect(/@SET\n/, { timeout: 30_000, signal });
}

/** Logs in to a system that is up. */
export async function openGuest(vm: Vm, login: Login, signal: AbortSignal): Promise<Guest> {
  await logIn(vm, login, signal);
  return guestShell(vm, signal);
}

/** For a console on which a shell runs without a login. */
export async function openShell(vm: Vm, signal: AbortSignal): Promise<Guest> {
  if ((await callShell(vm.serial, signal)) === 'ready') return guestShell(vm, signal);
  throw new OsmithError('E_BOOT', 'No shell answers on the console', {
    hint: 'The service getty with INSECURE=true runs one',
    tail: consoleTail(vm),
    log: vm.log,
  });
}

function guestShell(vm: Vm, signal: AbortSignal): Guest {
  let lastId = 0;
  const { serial } = vm;
  return {
    send: (command) => serial.send(`sh -c ${shellQuote(command)} </dev/null\n`),
    async run(command, seconds) {
      const id = ++lastId;
      serial.skip();
      serial.send(typed(command, id));
      const find = (text: string) =>
        findResult(text, id) ?? (/Kernel panic - /.test(text) ? 'panic' : undefined);
      let result = await serial.until(find, { timeout: seconds * 1000, signal });
      const timedOut = result.type === 'timeout';
      if (timedOut) {
        // ^C also ends what the shell had still to do, so the end is marked anew. 124: as timeout(1) says it.
        serial.send(`\x03\nprintf '\\n@%s %s %s\\n' END ${id} 124\n`);
        result = await serial.until(find, { timeout: 10_000, signal });
      }
      if (result.type === 'found' && result.value !== 'panic') return { ...result.value, timedOut };
      const why = {
        found: 'The kernel panicked',
        closed: 'The machine went away',
        timeout: `The system did not react for ${seconds} s`,
      }[result.type];
      throw new OsmithError('E_BOOT', `${why} while it ran a command: ${command.split('\n')[0]}`, {
        tail: consoleTail(vm),
        log: vm.log,
      });
    },
  };
}
