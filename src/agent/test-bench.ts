/** An agent on a machine that is a directory, for tests; new for each test of the file that calls this. */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { now as realNow } from '../env.ts';
import { formatKey, generateKey, publicKeyOf, signJwt, type Claims, type Key } from '../pattern/index.ts';
import type { RunProgram } from '../update/programs.ts';
import { directoryBoot, serve, type TestServer } from '../update/testing.ts';
import { startAgent, type Agent } from './agent.ts';
import { checkConfig } from './config.ts';

export const key = generateKey('ed25519', 'ops');
export const verifyKeys = [formatKey(publicKeyOf(key))];

export interface Command {
  id: string;
  [option: string]: unknown;
}

export interface AgentBench {
  /** The machine's root directory. */
  root: string;
  /** What the agent logged. */
  lines: string[];
  /** Programs that it ran, other than the scripts of commands. */
  programs: string[][];
  agent: Agent | undefined;
  /** Starts the agent and returns its port, 0 if it does not listen. */
  start: (config: object, now?: () => number) => Promise<number>;
  /** Ends the agent. */
  end: () => Promise<void>;
  /** An HTTP server that lives as long as the test. */
  serve: () => Promise<TestServer>;
  /** A command that makes a file, and takes it away. */
  file: (name: string, more?: object) => Command;
  exists: (name: string) => Promise<boolean>;
  until: (check: () => boolean | Promise<boolean>, what: string) => Promise<void>;
}

export function useAgent(): AgentBench {
  const bench = {} as AgentBench;
  let stop: AbortController;
  let servers: TestServer[];

  const run: RunProgram = async (argv) => {
    bench.programs.push([...argv]);
    return { exit: argv.includes('nonsense') ? 1 : 0, stdout: '', stderr: '' };
  };

  bench.start = async (config, now = realNow) => {
    stop = new AbortController();
    const base = {
      verifyKeys,
      state: '/state',
      listen: { address: '127.0.0.1', port: 0, rate: 1000, burst: 1000 },
    };
    const { root, lines } = bench;
    bench.agent = await startAgent(checkConfig({ ...base, ...config }, ['test']), {
      ...{ root, metadata: 'http://127.0.0.1:1', run, now, version: 'test', arch: 'amd64', buildEpoch: 1000 },
      http: { fetch, signal: stop.signal, stall: 2000 },
      memory: () => 1,
      log: (line) => lines.push(line),
      exit: () => {},
      boot: directoryBoot(join(root, 'esp')),
    });
    return bench.agent.port ?? 0;
  };

  bench.end = async () => {
    stop?.abort();
    await bench.agent?.ended;
    bench.agent = undefined;
  };

  bench.serve = async () => {
    const server = await serve();
    servers.push(server);
    return server;
  };

  bench.file = (name, more = {}) => {
    const path = join(bench.root, name);
    return { id: name, check: `test -e ${path}`, change: `touch ${path}`, remove: `rm ${path}`, ...more };
  };

  bench.exists = async (name) =>
    readFile(join(bench.root, name)).then(
      () => true,
      () => false,
    );

  bench.until = async (check, what) => {
    for (let tries = 0; tries < 200; tries += 1) {
      if (await check()) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`${what} did not happen; the log: ${bench.lines.join('\n')}`);
  };

  beforeEach(async () => {
    bench.root = await mkdtemp(join(tmpdir(), 'osmith-agent-'));
    await mkdir(join(bench.root, 'run/osmith'), { recursive: true });
    await mkdir(join(bench.root, 'state'));
    [bench.lines, bench.programs, servers] = [[], [], []];
  });

  afterEach(async () => {
    await bench.end();
    for (const server of servers) await server.close();
    await rm(bench.root, { recursive: true, force: true });
  });

  return bench;
}

/** The token of a pattern with these commands. */
export async function token(commands: Command[], claims: Claims = {}, signer: Key = key): Promise<string> {
  const files = { 'main.json': JSON.stringify({ run: commands }) };
  const iat = Math.floor(realNow() / 1000);
  return signJwt({ iat, pattern: { entrypoint: 'main.json', files }, ...claims }, signer);
}

export interface Reply {
  status: number;
  body: string;
}

/** A request to the agent: POST if there is a body. */
export async function send(port: number, path: string, body?: string, headers = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST';
    const options = {
      ...{ host: '127.0.0.1', port, path, method, headers },
      ...{ rejectUnauthorized: false, agent: false as const },
    };
    const out = request(options, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode!, body: text }));
    });
    out.on('error', reject);
    out.end(body);
  });
}
