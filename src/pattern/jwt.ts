/** Tokens: a manifest and a pattern, signed. */
import { spawn } from 'node:child_process';
import { compactVerify, CompactSign, type CompactJWSHeaderParameters } from 'jose';
import { z } from 'zod';
import { OsmithError } from '../errors.ts';
import { evaluateProgram, JsonnetError } from './jsonnet/index.ts';
import { keyObject, parseKey, SIGNATURE_ALGORITHMS } from './keys.ts';
import type { Claims, Json, Key, SignCommand, VerifyCommand, VerifyOptions } from './types.ts';

/** What is longer is no token, and is not worth the memory. */
const MAX_LENGTH = 32 * 2 ** 20;
const COMMAND_TIMEOUT = 60_000;

const seconds = z.number().optional();
const text = z.string().optional();
const claimsSchema = z.looseObject({
  aud: z.union([z.array(z.string()), z.string().transform((one) => [one])]).optional(),
  ...{ exp: seconds, iat: seconds, nbf: seconds },
  ...{ iss: text, jti: text, sub: text, buildManifest: text, osmithVersion: text },
  pattern: z.strictObject({ entrypoint: z.string(), files: z.record(z.string(), z.string()) }).optional(),
  runVars: z.record(z.string(), z.json()).optional(),
});

function refuse(message: string, cause?: unknown): OsmithError {
  return new OsmithError('E_SIGNATURE', message, { cause });
}

interface Parts {
  header: CompactJWSHeaderParameters;
  payload: Json;
}

/** Reads a token strictly: one text for each content, so that no changed byte goes unnoticed. */
function decode(token: string): Parts {
  if (token.length > MAX_LENGTH) throw refuse('The token is too long');
  const parts = token.split('.');
  if (parts.length !== 3) throw refuse('This is not a token: it does not have three parts');
  const [header, payload] = parts.map((part) => {
    const bytes = Buffer.from(part, 'base64url');
    if (bytes.toString('base64url') !== part) throw refuse('This is not a token: a part is not base64url');
    return bytes;
  });
  return {
    header: parseObject(header!) as unknown as CompactJWSHeaderParameters,
    payload: parseObject(payload!),
  };
}

function parseObject(bytes: Buffer): { [key: string]: Json } {
  try {
    const json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Json;
    if (json !== null && typeof json === 'object' && !Array.isArray(json)) return json;
  } catch {
    // Told below.
  }
  throw refuse('This is not a token: a part is not a JSON object');
}

function parseClaims(payload: Json): Claims {
  const result = claimsSchema.safeParse(payload);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw refuse(`The claim ${issue!.path.map(String).join('.')} of the token is malformed`);
}

/** The claims of a token whose signature nobody has checked. Never act on them. */
export function readClaims(token: string): Claims {
  return parseClaims(decode(token.trim()).payload);
}

/** Algorithm and key id that a token names. */
export function readHeader(token: string): { alg: string; kid: string | undefined } {
  const { alg, kid } = decode(token.trim()).header;
  return { alg: String(alg), kid: typeof kid === 'string' ? kid : undefined };
}

/** The claims of a token that verifies; throws E_SIGNATURE for any other. */
export async function verifyJwt(
  token: string,
  { keys, now, audience, rule }: VerifyOptions,
): Promise<Claims> {
  const { header, payload } = decode(token);
  await verifySignature(token, header, keys);
  const claims = parseClaims(payload);
  const at = now / 1000;
  if (claims.exp !== undefined && at >= claims.exp)
    throw refuse(`The token expired on ${showTime(claims.exp)}`);
  if (claims.nbf !== undefined && at < claims.nbf)
    throw refuse(`The token is not valid before ${showTime(claims.nbf)}; this machine has ${showTime(at)}`);
  if (audience !== undefined && claims.aud?.includes(audience) !== true)
    throw refuse(`The token is not for ${audience}`);
  if (rule !== undefined) checkRule(rule, payload);
  return claims;
}

function showTime(time: number): string {
  const date = new Date(time * 1000);
  return Number.isNaN(date.getTime()) ? String(time) : date.toISOString();
}

/** The key says which algorithm a signature has, never the token. */
async function verifySignature(
  token: string,
  { alg, kid }: CompactJWSHeaderParameters,
  keys: VerifyOptions['keys'],
): Promise<void> {
  const isCommand = (key: VerifyOptions['keys'][number]): key is VerifyCommand =>
    typeof key === 'object' && 'argv' in key;
  const commands = keys.filter(isCommand);
  const parsed = keys.flatMap((key) => (isCommand(key) ? [] : typeof key === 'string' ? parseKey(key) : key));
  const candidates = parsed.filter(
    ({ id, algorithm, kind }) =>
      kind === 'public' && SIGNATURE_ALGORITHMS[algorithm] === alg && (kid === undefined || kid === id),
  );
  for (const key of candidates) {
    const algorithms = [SIGNATURE_ALGORITHMS[key.algorithm]];
    const good = await compactVerify(token, keyObject(key), { algorithms }).then(
      () => true,
      () => false,
    );
    if (good) return;
  }
  for (const { argv } of commands) if ((await runProgram(argv, token)).exit === 0) return;
  if (keys.length === 0) throw refuse('The token cannot be verified: there is no key to do it with');
  throw refuse(
    candidates.length === 0
      ? `No key that is trusted has made the token: it names ${kid === undefined ? 'none' : JSON.stringify(kid)}`
      : 'The signature of the token does not hold',
  );
}

/** A rule that cannot be evaluated does not hold. */
function checkRule(rule: string, claims: Json): void {
  try {
    const source = `local claims = std.extVar('claims');\n${rule}`;
    const read = () => ({ file: 'rule', text: source });
    const { json } = evaluateProgram({ entrypoint: 'rule', read, variables: { claims } });
    if (json === true) return;
  } catch (error) {
    if (!(error instanceof JsonnetError)) throw error;
    throw refuse(`The rule for tokens cannot be evaluated: ${error.message}`, error);
  }
  throw refuse('The token does not satisfy the rule for tokens');
}

/** Signs with a key, or with a command that has one. */
export async function signJwt(claims: Claims, signer: Key | SignCommand): Promise<string> {
  const payload = Buffer.from(JSON.stringify(claims));
  const key = 'argv' in signer ? signer.publicKey : signer;
  const header = { alg: SIGNATURE_ALGORITHMS[key.algorithm], typ: 'JWT', kid: key.id };
  if ('argv' in signer) return signElsewhere(header, payload, signer);
  if (key.kind !== 'private') throw new OsmithError('E_KEY', 'A token is signed with a private key');
  return new CompactSign(payload).setProtectedHeader(header).sign(keyObject(key));
}

async function signElsewhere(
  header: object,
  payload: Buffer,
  { argv, publicKey }: SignCommand,
): Promise<string> {
  const input = `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${payload.toString('base64url')}`;
  const { exit, stdout, stderr } = await runProgram(argv, input);
  if (exit !== 0)
    throw new OsmithError('E_KEY', `The signing command failed with exit code ${exit}`, {
      tail: stderr.trimEnd().split('\n').slice(-20),
    });
  const raw = publicKey.algorithm === 'ecp256' ? plainEcdsa(stdout) : stdout;
  const token = `${input}.${raw.toString('base64url')}`;
  const { header: decoded } = decode(token);
  await verifySignature(token, decoded, [publicKey]).catch((error: unknown) => {
    throw new OsmithError('E_KEY', `The signing command did not sign with the key ${publicKey.id}`, {
      cause: error,
    });
  });
  return token;
}

/** OpenSSL and PKCS #11 write the two numbers of such a signature as DER, tokens have them side by side. */
function plainEcdsa(signature: Buffer): Buffer {
  if (signature.length === 64 || signature[0] !== 0x30) return signature;
  const numbers: Buffer[] = [];
  for (let at = 2; at + 2 <= signature.length; at += 2 + signature[at + 1]!) {
    const number = signature.subarray(at + 2, at + 2 + signature[at + 1]!);
    numbers.push(Buffer.concat([Buffer.alloc(32), number]).subarray(-32));
  }
  return Buffer.concat(numbers);
}

/** Runs a program with a text on its standard input. */
async function runProgram(
  [program = '', ...args]: string[],
  input: string,
): Promise<{ exit: number; stdout: Buffer; stderr: string }> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], timeout: COMMAND_TIMEOUT });
  const out: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-65_536)));
  child.stdin.on('error', () => {}); // it need not read all
  child.stdin.end(input);
  return new Promise((resolve) => {
    child.on('error', ({ message }) => resolve({ exit: 126, stdout: Buffer.alloc(0), stderr: message }));
    child.on('close', (code) => resolve({ exit: code ?? 137, stdout: Buffer.concat(out), stderr }));
  });
}
