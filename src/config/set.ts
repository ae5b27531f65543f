import { OsmithError } from '../errors.ts';
import { formatIni } from './format.ts';
import { parseIni } from './ini.ts';
import type { Source } from './model.ts';
import { strip } from './text.ts';

export const SET = '--set';

/** `section.option=value` as a file of its own, so that it means what it would mean there. The section ends at the first dot. */
export function parseSetting(setting: string, index: number): Source {
  const [, section = '', option = '', value = ''] = /^([^.=]+)\.([^=]+)=(.*)$/su.exec(setting) ?? [];
  const ini = parseIni(formatIni([[strip(section), [[strip(option), strip(value)]]]]), SET);
  const read = ini.sections.get(strip(section))?.options.get(strip(option).toLowerCase());
  if (section === '' || ini.faults.length > 0 || ini.sections.size !== 1 || read === undefined) {
    throw new OsmithError('E_USAGE', `--set cannot read ${JSON.stringify(setting)}`, {
      hint: 'Write --set section.option=value',
    });
  }
  read.line = index + 1;
  return {
    ini,
    layer: { file: SET, namespace: `set_${index + 1}`, private: false, attributes: [] },
  };
}
