/** A web server on the loopback with the files of a directory, which can be made to fail. */
import { open } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';
import { pipeline } from 'node:stream/promises';

export interface WebServer {
  port: number;
  url: string;
  /** Directory that is served from now on. */
  root: string;
  /** Paths that were asked for. */
  requests: string[];
  /** After so many answers every connection is cut in the middle of its answer; `undefined`: never. */
  cutAfter: number | undefined;
  /** Of what matches, only the first half is ever sent. */
  halve: RegExp | undefined;
  close: () => Promise<void>;
}

/** `port`: one that was free before; else any. */
export async function serve(root: string, port = 0): Promise<WebServer> {
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const path = normalize(decodeURIComponent(new URL(request.url!, 'http://x').pathname));
    state.requests.push(path);
    // Opened once, as web servers do: another file may take the name at any time.
    await using file = await open(join(state.root, path)).catch(() => undefined);
    const found = await file?.stat();
    if (file === undefined || found?.isFile() !== true) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-length': found.size });
    if (state.cutAfter !== undefined && state.requests.length > state.cutAfter) {
      response.flushHeaders();
      response.write(Buffer.alloc(Math.min(found.size, 10)), () => response.destroy());
      return;
    }
    if (state.halve?.test(path) === true) {
      const half = Buffer.alloc(found.size >> 1);
      await file.read(half, 0, half.length, 0);
      response.write(half, () => response.destroy());
      return;
    }
    await pipeline(file.createReadStream({ autoClose: false }), response);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address() as AddressInfo;
  const state: WebServer = {
    port: address.port,
    url: `http://127.0.0.1:${address.port}`,
    root,
    requests: [],
    cutAfter: undefined,
    halve: undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return state;
}
