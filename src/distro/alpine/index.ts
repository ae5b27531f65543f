import { apkDistro } from '../apk/index.ts';
import { alpineData } from './data.ts';
import { alpineKeys } from './keys.ts';

export default apkDistro({
  data: alpineData,
  mirror: 'https://dl-cdn.alpinelinux.org/alpine',
  keys: alpineKeys,
});
