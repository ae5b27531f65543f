/** The descriptions that `osmith compose` is given: files, URLs, and the standard input. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { text } from 'node:stream/consumers';
import { STDIN } from '../compose/templates.ts';
import { OsmithError } from '../errors.ts';
import { HttpError, PATIENT, request, retrying } from '../oci/http.ts';
import { interruption } from './signals.ts';

export interface ComposeInput {
  /** For messages. */
  file: string;
  text: string;
}

/** More than any description has. Bytes. */
const MAX_INPUT = 16 << 20;

function isUrl(name: string): boolean {
  return /^https?:\/\//.test(name);
}

/** What outputs are called that have no other name. */
export function inputStem(name: string): string {
  if (name === '-') return 'moby';
  const path = isUrl(name) && URL.canParse(name) ? new URL(name).pathname : name;
  return basename(path).replace(/(?:\.[^.]*)?\.in$|\.[^.]*$/, '') || 'moby';
}

async function download(url: string): Promise<string> {
  const response = await request(url, {
    signal: AbortSignal.any([interruption, AbortSignal.timeout(60_000)]),
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new HttpError(response.status, url);
  }
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) {
    size += part.length;
    if (size > MAX_INPUT) throw new OsmithError('E_COMPOSE', `${url} is too large for a description`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** Throws E_COMPOSE or E_NETWORK. */
export async function readInput(name: string): Promise<ComposeInput> {
  if (name === '-') return { file: STDIN, text: await text(process.stdin) };
  if (!isUrl(name)) {
    try {
      return { file: name, text: await readFile(name, 'utf8') };
    } catch (cause) {
      throw new OsmithError('E_COMPOSE', `Cannot read ${name}: ${(cause as Error).message}`, {
        cause,
        hint: 'Name a linuxkit file, its URL, or - for the standard input',
      });
    }
  }
  try {
    return { file: name, text: await retrying(() => download(name), PATIENT, interruption) };
  } catch (cause) {
    interruption.throwIfAborted();
    if (cause instanceof OsmithError) throw cause;
    const { message, cause: reason } = cause as Error;
    throw new OsmithError(
      'E_NETWORK',
      `Cannot get ${name}: ${reason instanceof Error ? reason.message : message}`,
      {
        cause,
        hint: 'Check the address and the network, or name a file that is here',
      },
    );
  }
}
