/** What the section [official] says: where a Docker official image is published, and as what. */
import type { Config } from '../../config/index.ts';
import { type Fault, faultsError } from '../../config/fault.ts';
import { MAINTAINER } from './lint-library.ts';

export type Form = 'oci-import' | 'dockerfile';
export type TagFormat = 'ddmmyyyy' | 'yyyymmdd' | 'version';

export interface Fork {
  /** Of the official-images repository; git pushes there. */
  repository: string;
  /** The branch that proposals start from. */
  branch: string;
  /** OWNER/NAME of the repository that takes them; empty: nobody is asked. */
  upstream: string;
}

export interface OfficialSettings {
  /** Name of the library file. */
  name: string;
  /** Where those who build the image fetch the repository. */
  url: string;
  /** Without refs/heads/. */
  branch: string;
  form: Form;
  tagFormat: TagFormat;
  maintainers: string[];
  /** Of commits. */
  author: { name: string; email: string };
  /** Where tarballs are hosted; empty: in the commit. */
  tarballUrl: string;
  /** The official image in which a Dockerfile checks the tarball. */
  verifyImage: string;
  keepPrevious: boolean;
  fork?: Fork;
}

/** What one variant of the image is called. */
export interface VariantNames {
  /** Directory in the repository, and what dated tags begin with. */
  variant: string;
  /** Tags that move from release to release. */
  tags: string[];
}

function text(config: Config, option: string): string {
  return config.find('official', option)?.trim() ?? '';
}

/** The author of commits: the first maintainer with an address. */
function authorOf(maintainers: readonly string[]): OfficialSettings['author'] | undefined {
  const [, name, email] = maintainers.map((each) => /^(.+?) <(.+?)>/.exec(each)).find(Boolean) ?? [];
  return name === undefined ? undefined : { name, email: email! };
}

/** Whether an address of git has a password in it, which would be seen in lists of processes. */
export function hasPassword(address: string): boolean {
  return /^[a-z+]+:\/\/[^/@]*:[^/@]*@/.test(address);
}

/** Reads and checks all of it. Throws E_CONFIG with every fault. */
export function officialSettings(config: Config): OfficialSettings {
  const faults: Fault[] = [];
  const fault = (option: string, message: string, hint?: string) =>
    faults.push({ message: `official.${option} ${message}`, hint, where: config.where('official', option) });
  const maintainers = text(config, 'maintainers')
    .split(/\s*[,\n]\s*/)
    .filter((each) => each !== '');
  for (const each of maintainers.filter((word) => !MAINTAINER.test(word)))
    fault(
      'maintainers',
      `has no maintainer in ${JSON.stringify(each)}`,
      'Write NAME <MAIL> (@GITHUB), and commas between',
    );
  const author = authorOf(maintainers);
  if (author === undefined)
    fault('maintainers', 'names nobody with an address', 'Write NAME <MAIL> (@GITHUB), and commas between');
  const url = text(config, 'url');
  if (!/^https:\/\/[^\s/@]+\/\S+$/.test(url))
    fault(
      'url',
      `must be an https:// address from which anyone can fetch the repository, and is ${JSON.stringify(url)}`,
    );
  const name = config.get('official', 'name');
  if (!/^[a-z0-9]+(?:[._-][a-z0-9]+)*$/.test(name)) fault('name', `can be no image: ${JSON.stringify(name)}`);
  const branch = text(config, 'branch');
  if (!/^[\w][\w./-]*$/.test(branch) || /\.\.|\/\/|\/$|\.lock$/.test(branch))
    fault('branch', `can be no branch: ${JSON.stringify(branch)}`);
  const tarballUrl = text(config, 'tarball_url');
  if (tarballUrl !== '' && !tarballUrl.startsWith('https://'))
    fault('tarball_url', `must begin with https://, and is ${JSON.stringify(tarballUrl)}`);
  const repository = text(config, 'fork');
  if (hasPassword(repository))
    fault('fork', 'has a password in it', 'Let git have it from a credential helper: gitcredentials(7)');
  const upstream = text(config, 'upstream');
  if (upstream !== '' && !/^[\w.-]+\/[\w.-]+$/.test(upstream))
    fault('upstream', `must be OWNER/NAME, and is ${JSON.stringify(upstream)}`);
  if (faults.length > 0) throw faultsError(faults as [Fault, ...Fault[]]);
  return {
    ...{ name, url, branch, maintainers, tarballUrl, author: author! },
    form: config.get('official', 'form') as Form,
    tagFormat: config.get('official', 'tag') as TagFormat,
    verifyImage: config.get('official', 'verify_image'),
    keepPrevious: config.bool('official', 'keep_previous'),
    ...(repository === ''
      ? {}
      : { fork: { repository, branch: config.get('official', 'fork_branch'), upstream } }),
  };
}

export function variantNames(config: Config): VariantNames {
  return { variant: config.get('official', 'variant'), tags: config.list('official', 'tags') };
}
