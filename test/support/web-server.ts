/** A web server on the loopback with the files of a directory, which can be made to fail. */
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';

export interface WebServer {
  port: number;
  url: string;
  /** Directory that is served from now on. */
  root: string;
  /** Paths that were asked for. */
  requests: string[];
  /** After so many answers every connection is cut in the middle of its answer; `undefined`: never. */
  cutAfter: number | undefined;
  close: () => Promise<void>;
}

export async function serve(root: string): Promise<WebServer> {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url!, 'http://x').pathname));
    state.requests.push(path);
    const file = join(state.root, path);
    const found = statSync(file, { throwIfNoEntry: false });
    if (found === undefined || !found.isFile()) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-length': found.size });
    if (state.cutAfter !== undefined && state.requests.length > state.cutAfter) {
      response.flushHeaders();
      response.write(Buffer.alloc(Math.min(found.size, 10)), () => response.destroy());
      return;
    }
    createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const state: WebServer = {
    port,
    url: `http://127.0.0.1:${port}`,
    root,
    requests: [],
    cutAfter: undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return state;
}
