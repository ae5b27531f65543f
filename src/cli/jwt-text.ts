/** Tokens and their differences as text. What they say may come from anybody: nothing reaches the terminal as it is. */
import type { Claims, Json, JwtDifference, SetDifference } from '../pattern/index.ts';
import { count, oneLine, type Style } from '../report/style.ts';

export interface TokenView {
  header: { alg: string; kid: string | undefined };
  claims: Claims;
  /** Why it does not verify. */
  failure: string | undefined;
}

type JsonObject = { [key: string]: Json };

function time(seconds: number | undefined): string | undefined {
  if (seconds === undefined) return undefined;
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString().replace('.000Z', 'Z');
}

function asObject(json: unknown): JsonObject | undefined {
  return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as JsonObject) : undefined;
}

function manifestOf({ buildManifest = '' }: Claims): JsonObject | undefined {
  try {
    return asObject(JSON.parse(buildManifest));
  } catch {
    return undefined;
  }
}

function word(json: Json | undefined): string {
  return oneLine(typeof json === 'string' ? json : JSON.stringify(json ?? null));
}

export function showClaims(
  { header, claims, failure }: TokenView,
  { style, packages }: { style: Style; packages: boolean },
): string {
  const result =
    failure === undefined
      ? style(['green', 'bold'], 'verified')
      : `${style(['red', 'bold'], 'NOT VERIFIED')}: ${oneLine(failure)}`;
  const rows: [string, string | undefined][] = [
    ['signature', result],
    ['key', `${word(header.kid)}, ${oneLine(header.alg)}`],
    ['issued', time(claims.iat)],
    ['valid from', time(claims.nbf)],
    ['expires', time(claims.exp)],
    ['issuer', claims.iss],
    ['subject', claims.sub],
    ['audience', claims.aud?.join(', ')],
    ['id', claims.jti],
    ['made by', claims.osmithVersion === undefined ? undefined : `osmith ${claims.osmithVersion}`],
    [
      'pattern',
      claims.pattern &&
        `${claims.pattern.entrypoint}, ${count(Object.keys(claims.pattern.files).length, 'file')}`,
    ],
    ...Object.entries(claims.runVars ?? {}).map(([name, value]): [string, string] => [
      `run variable`,
      `${name}=${word(value)}`,
    ]),
  ];
  return [...rows.flatMap(row), ...showManifest(claims, packages)].map((line) => `${line}\n`).join('');
}

function row([name, value]: [string, string | undefined]): string[] {
  return value === undefined ? [] : [`${name.padEnd(12)}  ${name === 'signature' ? value : oneLine(value)}`];
}

function list(json: Json | undefined): JsonObject[] {
  return Array.isArray(json) ? json.map(asObject).filter((item) => item !== undefined) : [];
}

function showManifest(claims: Claims, all: boolean): string[] {
  const manifest = manifestOf(claims);
  if (manifest === undefined) return row(['manifest', claims.buildManifest || undefined]);
  const variant = Object.entries(asObject(manifest['variant']) ?? {}).map(
    ([name, value]) => `${name}=${word(value)}`,
  );
  const packages = list(manifest['packages']);
  const artifacts = list(manifest['artifacts']);
  return [
    ...row(['build', manifest['name'] === undefined ? undefined : word(manifest['name'])]),
    ...row(['variant', variant.join(' ') || undefined]),
    ...row(['kernel', manifest['kernelVersion'] === undefined ? undefined : word(manifest['kernelVersion'])]),
    ...row(['packages', packages.length > 0 ? String(packages.length) : undefined]),
    ...(all ? packages.map(({ name, version }) => `  ${word(name)} ${word(version)}`) : []),
    ...row(['artifacts', artifacts.length > 0 ? String(artifacts.length) : undefined]),
    ...artifacts.map(
      ({ name, size, sha256 }) => `  ${word(name)}  ${word(size)} bytes  sha256:${word(sha256)}`,
    ),
  ];
}

function showSet(title: string, { added, removed, changed }: SetDifference, style: Style): string[] {
  const lines = [
    ...removed.map(({ name, value }) => style('red', `  - ${word(name)} ${word(value)}`)),
    ...added.map(({ name, value }) => style('green', `  + ${word(name)} ${word(value)}`)),
    ...changed.map(({ name, from, to }) => style('yellow', `  ~ ${word(name)} ${word(from)} -> ${word(to)}`)),
  ];
  if (lines.length === 0) return [];
  const numbers = `${added.length} added, ${removed.length} removed, ${changed.length} changed`;
  return [`${title}: ${numbers}`, ...lines];
}

/** Contents of files are not shown, only which differ. */
function namesOnly({ added, removed, changed }: SetDifference): SetDifference {
  const name = (item: { name: string }) => ({ name: item.name, value: '' });
  return {
    ...{ added: added.map(name), removed: removed.map(name) },
    changed: changed.map((item) =>
      item.name === '(entrypoint)' ? item : { name: item.name, from: 'one text', to: 'another' },
    ),
  };
}

/** What two tokens have different, as text that ends with a line break. */
export function showDifference(
  { equal, manifest, pattern, runVars, version }: JwtDifference,
  style: Style,
): string {
  if (equal) return 'The builds are equal\n';
  return [
    'The builds differ',
    ...showSet('packages', manifest.packages, style),
    ...showSet('artifacts', manifest.artifacts, style),
    ...showSet('manifest', manifest.other, style),
    ...showSet('pattern', namesOnly(pattern), style),
    ...showSet('run variables', runVars, style),
    ...(version === undefined ? [] : [`made by osmith ${word(version.from)} -> ${word(version.to)}`]),
  ]
    .map((line) => `${line}\n`)
    .join('');
}
