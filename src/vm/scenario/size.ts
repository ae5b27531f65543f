/** Sizes as scenarios write them. */
import { z } from 'zod';

/** `512M`, `2G`. In MiB. */
export const size = z
  .string()
  .regex(/^[1-9]\d*[MG]$/, 'must be a size such as 512M or 2G')
  .transform((text) => parseInt(text, 10) * (text.endsWith('G') ? 1024 : 1));
