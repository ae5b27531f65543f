/** zod's messages in sixty languages, which nobody reads here, are a seventh of what starting a command loads. */
import { registerHooks } from 'node:module';

registerHooks({
  resolve: (specifier, context, next) =>
    next(specifier === '../locales/index.js' ? '../locales/en.js' : specifier, context),
});
