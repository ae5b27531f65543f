/** The object `std`. */
import type { Json } from '../types.ts';
import { JsonnetError } from './error.ts';
import { fromJson } from './manifest.ts';
import { type Library, nativeFunction, text } from './native.ts';
import { arrayLibrary } from './std-arrays.ts';
import { manifestLibrary } from './std-manifest.ts';
import { objectLibrary } from './std-objects.ts';
import { textLibrary } from './std-text.ts';
import { delay, force, objectOf, type ObjectValue, ready, record, type Thunk } from './values.ts';

/** One per evaluation, as it holds the variables. */
export function makeStd(variables: Record<string, Json>): ObjectValue {
  const values = new Map(
    Object.entries(variables).map(([name, json]) => [name, delay(() => fromJson(json))]),
  );
  const access: Library = {
    'extVar(x)': (x) => {
      const thunk = values.get(text(x));
      if (thunk === undefined) throw new JsonnetError(`There is no external variable ${text(x)}`);
      return force(thunk);
    },
    // As where the program is embedded without any: patterns cannot reach the machine that renders them.
    'native(name)': () => null,
  };
  const functions = Object.entries({
    ...access,
    ...textLibrary,
    ...arrayLibrary,
    ...objectLibrary,
    ...manifestLibrary,
  }).map(([signature, code]): [string, Thunk] => {
    const [name, value] = nativeFunction(signature, code);
    return [name, ready(value)];
  });
  return record([...functions, ['pi', ready(Math.PI)]], '::');
}

/** `std` as one file sees it. */
export function stdOf(std: ObjectValue, file: string): ObjectValue {
  return objectOf([...record([['thisFile', ready(file)]], '::').layers, ...std.layers]);
}
