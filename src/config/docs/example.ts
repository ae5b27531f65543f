/** An example of an option: the one that the schema has, or one that follows from its type. */
import { isListType, type Rule } from '../schema.ts';
import { words } from '../text.ts';
import { parseBool } from '../values.ts';

/** Name and value as they stand in a file. `value` is the default. */
export function example(rule: Rule, value: string | undefined): [option: string, value: string] {
  const isList = isListType(rule.type);
  const text = rule.example ?? other(rule, value) ?? value;
  return [isList ? `${rule.option}_add` : rule.option, text ?? ''];
}

/** A value that is allowed and is not the default. */
function other({ type, values }: Rule, value = ''): string | undefined {
  if (values !== undefined) return values.find((each) => !words(value).includes(each));
  if (type === 'bool') return String(parseBool(value) !== true);
  if (type === 'size') return value === '512M' ? '1G' : '512M';
  if (type === 'url') return 'https://mirror.example/';
  return undefined;
}
