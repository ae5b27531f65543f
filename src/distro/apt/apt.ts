/** apt(8) outside of any system: all its state in the step's work directory. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StepContext } from '../../steps/types.ts';

/**
 * apt.conf(5) that keeps apt off the configuration and state of the system it runs on. `status`: the file in which dpkg
 * says what is installed; default: nothing is.
 */
export function aptConfig(dir: string, arch: string, status = `${dir}/empty`): string {
  const settings = {
    'Dir::Etc::main': `${dir}/empty`,
    'Dir::Etc::parts': `${dir}/empty.d`,
    'Dir::Etc::Preferences': `${dir}/empty`,
    'Dir::Etc::PreferencesParts': `${dir}/empty.d`,
    'Dir::Etc::SourceList': `${dir}/sources.list`,
    'Dir::Etc::SourceParts': `${dir}/empty.d`,
    'Dir::State': `${dir}/state`,
    'Dir::State::status': status,
    'Dir::Cache': `${dir}/cache`,
    'APT::Architecture': arch,
    'Acquire::Languages': 'none',
    'Acquire::Retries': '2',
    'Acquire::http::Timeout': '15',
    'APT::Install-Recommends': 'false',
    'APT::Sandbox::User': 'root',
    'APT::Update::Error-Mode': 'any',
    'Debug::NoLocking': 'true',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} "${value}";`);
  return `#clear APT::Architectures;\nAPT::Architectures { "${arch}"; };\n${lines.join('\n')}\n`;
}

/** Makes apt's directories in the work directory; the environment that makes apt use them. */
export async function prepareApt(
  context: StepContext<{ arch: string }>,
  status?: string,
): Promise<Record<string, string>> {
  for (const dir of ['empty.d', 'state/lists/partial', 'cache/archives/partial']) {
    await mkdir(join(context.work, 'apt', dir), { recursive: true });
  }
  await writeFile(join(context.work, 'apt', 'empty'), '');
  await writeFile(join(context.work, 'apt', 'apt.conf'), aptConfig('/work/apt', context.params.arch, status));
  return { APT_CONFIG: '/work/apt/apt.conf', DEBIAN_FRONTEND: 'noninteractive' };
}
