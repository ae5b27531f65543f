/** Looks into compressed files while they are read. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { digestOf, type Digest } from './reader.ts';

/** A program as a stream: what is written to it comes out changed. */
function through(argv: [string, ...string[]]): Duplex {
  const [program, ...args] = argv;
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const both = Duplex.from({ writable: child.stdin, readable: child.stdout });
  child.on('error', (error) => both.destroy(new Error(`${program} cannot be run: ${error.message}`)));
  child.on('close', (code) => {
    if (code !== 0) both.destroy(new Error(`${program} ends with ${code ?? 'a signal'}`));
  });
  both.on('close', () => child.kill());
  return both;
}

const UNPACKERS: Record<string, () => Duplex> = {
  gz: () => createGunzip(),
  zst: () => createZstdDecompress(),
  xz: () => through(['xz', '-dc']),
};

export interface Unpacking {
  write(part: Uint8Array): Promise<void>;
  /** Of what came out, at most a bit more than the limit; a text: why nothing does. */
  end(): Promise<Digest | string>;
  /** Nothing more is to be read. */
  stop(): void;
}

/** Unpacks by the end of a name, up to `limit` bytes. Undefined: there is nothing to unpack. */
export function unpack(
  name: string,
  limit: number,
  onPart?: (part: Uint8Array) => Promise<void>,
): Unpacking | undefined {
  const make = UNPACKERS[name.slice(name.lastIndexOf('.') + 1)];
  if (make === undefined) return undefined;
  const stream = make();
  const found = digestOf(stream as AsyncIterable<Buffer>, limit, onPart)
    .catch((error: unknown) => (error as Error).message)
    .finally(() => stream.destroy());
  const closed = once(stream, 'close').catch(() => {});
  stream.on('error', () => {}); // told by `found`
  return {
    write: async (part) => {
      if (stream.destroyed || stream.write(part)) return;
      await Promise.race([once(stream, 'drain'), closed]).catch(() => {});
    },
    end: async () => {
      if (!stream.destroyed) stream.end();
      return found;
    },
    stop: () => void stream.destroy(),
  };
}
