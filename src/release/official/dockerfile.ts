/** The Dockerfile by which an official image is made of a tarball: checked in an official image, then copied. */
import type { ContainerBuild } from './build.ts';
import type { OfficialSettings } from './settings.ts';

const TARBALL = '/rootfs.tar.zst';

interface Names {
  /** Of the release. */
  stamp: string;
  variant: string;
}

/** In double quotes, without variables. */
function quoted(text: string): string {
  return `"${text.replaceAll(/["\\$`]/g, String.raw`\$&`)}"`;
}

/** `tarball_url` with what stands in braces put in. */
function tarballAt(
  { tarballUrl }: OfficialSettings,
  { rootfs, version }: ContainerBuild,
  { stamp, variant }: Names,
): string {
  const values: Record<string, string> = { file: rootfs.name, version, tag: stamp, variant };
  const full = tarballUrl.replaceAll(/\{(\w+)\}/g, (all, name: string) => values[name] ?? all);
  return full.includes(rootfs.name) ? full : `${full.replace(/\/$/, '')}/${rootfs.name}`;
}

/** The same build and settings give the same text. */
export function dockerfileOf(build: ContainerBuild, settings: OfficialSettings, names: Names): string {
  const { rootfs, image } = build;
  const { Env = [], Cmd = [], Labels = {} } = image.config.config ?? {};
  const hosted = settings.tarballUrl !== '';
  const fetched = hosted ? [`curl -sSfL -o ${TARBALL} ${quoted(tarballAt(settings, build, names))}`] : [];
  const checks = [
    `apk add --no-cache ${hosted ? 'curl ' : ''}tar zstd`,
    ...fetched,
    `echo "${rootfs.sha256}  ${TARBALL}" | sha256sum -c -`,
    'mkdir /rootfs',
    `tar -C /rootfs -x --numeric-owner --xattrs --xattrs-include='*' -f ${TARBALL}`,
  ];
  const env = Env.filter((each) => !each.startsWith('PATH='));
  const lines = [
    '# The tarball is checked where no base of our own is needed: a bad release shall not break the next one.',
    `FROM ${settings.verifyImage} AS verify`,
    ...(hosted ? [] : [`COPY ${rootfs.name} ${TARBALL}`]),
    `RUN ${checks.join(' && \\\n    ')}`,
    '',
    'FROM scratch',
    `LABEL ${Object.entries(Labels)
      .sort()
      .map(([name, value]) => `${name}=${quoted(value)}`)
      .join(' \\\n      ')}`,
    'COPY --from=verify /rootfs/ /',
    ...env.map(
      (each) => `ENV ${each.slice(0, each.indexOf('='))}=${quoted(each.slice(each.indexOf('=') + 1))}`,
    ),
    `CMD ${JSON.stringify(Cmd)}`,
  ];
  return `${lines.join('\n')}\n`;
}
