import { PassThrough, Writable } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import { openSerial, plainText, type Serial } from './serial.ts';

describe('plainText', () => {
  it.each([
    ['colours', ['[\x1b[0;32m  OK  \x1b[0m] Started'], '[  OK  ] Started'],
    ['a firmware that clears its screen', ['\x1b[2J\x1b[01;01H\x1b[=3h\x1b[2JBdsDxe'], 'BdsDxe'],
    ['carriage returns', ['a\r\nb\r\n'], 'a\nb\n'],
    ['a title', ['\x1b]0;root@osmith\x07# '], '# '],
    ['a sequence in two pieces', ['a\x1b[0;3', '2mb'], 'ab'],
    ['an escape at the end of a piece', ['a\x1b', '[mb'], 'ab'],
    ['bracketed paste', ['\x1b[?2004hroot@osmith:~# '], 'root@osmith:~# '],
    ['reset of the terminal', ['\x1b[!p\x1b]104\x1b\\\x1b[?7hx'], 'x'],
    ['a character set', ['\x1b(Bx'], 'x'],
    ['tabs and line breaks stay', ['a\tb\n'], 'a\tb\n'],
  ])('%s', (_, pieces, plain) => {
    const strip = plainText();
    expect(pieces.map(strip).join('')).toBe(plain);
  });
});

describe('openSerial', () => {
  let output: PassThrough;
  let input: PassThrough;
  let logged: string;
  let serial: Serial;

  beforeEach(() => {
    output = new PassThrough();
    input = new PassThrough();
    logged = '';
    const log = new Writable({
      write(chunk: Buffer, _, done) {
        logged += chunk.toString();
        done();
      },
    });
    serial = openSerial({ input, output }, log);
  });

  it('finds what comes later, in pieces', async () => {
    const found = serial.expect(/login: $/, { timeout: 1000 });
    output.write('osmith lo');
    output.write('gin: ');
    expect(await found).toMatchObject({ type: 'found', value: { 0: 'login: ' } });
  });

  it('finds what is there already, and takes it once', async () => {
    output.write('one two one');
    expect((await serial.expect(/one/, { timeout: 1000 })).type).toBe('found');
    expect((await serial.expect(/one/, { timeout: 1000 })).type).toBe('found');
    expect((await serial.expect(/one/, { timeout: 20 })).type).toBe('timeout');
  });

  it('skips what is there', async () => {
    output.write('old');
    await serial.expect(/old/, { timeout: 1000 });
    output.write('more');
    await new Promise(setImmediate);
    serial.skip();
    expect((await serial.expect(/more/, { timeout: 20 })).type).toBe('timeout');
  });

  it('ends a wait when the machine ends', async () => {
    const found = serial.expect(/never/, { timeout: 10_000 });
    output.end('bye');
    expect(await found).toEqual({ type: 'closed' });
    expect((await serial.expect(/never/, { timeout: 10_000 })).type).toBe('closed');
  });

  it('finds the last words of a machine that has ended', async () => {
    output.end('reboot: Power down');
    expect((await serial.expect(/Power down/, { timeout: 1000 })).type).toBe('found');
  });

  it('ends a wait at once when the run is stopped', async () => {
    const stop = new AbortController();
    const found = serial.expect(/never/, { timeout: 10_000, signal: stop.signal });
    stop.abort(new Error('stopped'));
    await expect(found).rejects.toThrow('stopped');
    await expect(serial.expect(/never/, { timeout: 10_000, signal: stop.signal })).rejects.toThrow('stopped');
  });

  it('keeps every byte in the log, and none of the control codes in the text', async () => {
    output.write('\x1b[1mbold\x1b[0m\r\n');
    await serial.expect(/bold/, { timeout: 1000 });
    expect(logged).toBe('\x1b[1mbold\x1b[0m\r\n');
    expect(serial.text()).toBe('bold\n');
  });

  it('joins characters of several bytes', async () => {
    const bytes = Buffer.from('grün');
    output.write(bytes.subarray(0, 3));
    output.write(bytes.subarray(3));
    expect((await serial.expect(/grün/, { timeout: 1000 })).type).toBe('found');
  });

  it('sends', () => {
    serial.send('root\n');
    expect(String(input.read())).toBe('root\n');
  });
});
