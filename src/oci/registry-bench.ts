/** For tests: a real registry that wants a login, behind a proxy that misbehaves when told to. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSocket, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** bcrypt of `secret`. */
const HTPASSWD = 'tester:$2y$05$wLcJjssupT9H316zK8sBduc2rX2u3/szShTR/O7jYG8W7TLJK3TxS\n';
export const LOGIN = Buffer.from('tester:secret').toString('base64');

/** What the proxy does to a request before, or instead of, passing it on; true when it has answered. */
export type Meddle = (incoming: IncomingMessage, response: ServerResponse, count: number) => boolean;

export interface RegistryBench {
  port: number;
  /** The proxy in front of it. */
  proxy: string;
  meddle: Meddle;
  /** Changes the body of an answer. */
  alter: (path: string, body: Buffer) => Buffer;
  /** What the proxy was asked for. */
  asked: { path: string; authorization: string | undefined }[];
  /** Makes the proxy honest. */
  reset: () => void;
  close: () => void;
}

async function listen(server: { listen: (port: number, host: string, done: () => void) => unknown }) {
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
}

async function freePort(): Promise<number> {
  const socket = createSocket();
  await listen(socket);
  const { port } = socket.address() as AddressInfo;
  socket.close();
  await once(socket, 'close');
  return port;
}

/** A registry that keeps its images in a directory. */
async function startRegistry(dir: string, port: number) {
  writeFileSync(join(dir, 'htpasswd'), HTPASSWD);
  const config = {
    version: '0.1',
    storage: { filesystem: { rootdirectory: join(dir, 'data') } },
    http: { addr: `127.0.0.1:${port}` },
    auth: { htpasswd: { realm: 'test', path: join(dir, 'htpasswd') } },
  };
  writeFileSync(join(dir, 'config.json'), JSON.stringify(config));
  const registry = spawn('docker-registry', ['serve', join(dir, 'config.json')], { stdio: 'ignore' });
  for (let tries = 0; tries < 100; tries += 1) {
    if (await fetch(`http://127.0.0.1:${port}/v2/`).catch(() => undefined)) return registry;
    await sleep(100);
  }
  throw new Error('docker-registry does not start');
}

export async function startRegistryBench(dir: string): Promise<RegistryBench> {
  const port = await freePort();
  const registry = await startRegistry(dir, port);
  const server = createServer((incoming, response) => {
    const path = incoming.url!;
    const { asked, meddle } = bench;
    asked.push({ path, authorization: incoming.headers.authorization });
    if (meddle(incoming, response, asked.filter((each) => each.path === path).length)) return;
    const headers = { ...incoming.headers, host: `127.0.0.1:${port}` };
    const onwards = request({ port, path, headers, method: incoming.method }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('end', () => {
        response.writeHead(answer.statusCode!, answer.headers);
        response.end(bench.alter(path, Buffer.concat(parts)));
      });
    });
    incoming.pipe(onwards);
  });
  await listen(server);
  const honest = () => ({ meddle: () => false, alter: (_path: string, body: Buffer) => body, asked: [] });
  const bench: RegistryBench = {
    ...honest(),
    port,
    proxy: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    reset: () => void Object.assign(bench, honest()),
    close: () => {
      server.close();
      registry.kill();
    },
  };
  return bench;
}
