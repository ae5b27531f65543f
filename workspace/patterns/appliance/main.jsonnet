// The appliance's own build: `osmith pattern build workspace/patterns/appliance/main.jsonnet [BRANCH]` builds the
// image and writes the signed token that machines update themselves by. It takes the options of `osmith build`.
local build = import '../lib/build.libsonnet';

{
  issuer: 'osmith',
  // A machine must get a newer release before this one's token expires, in seconds.
  expiresIn: 90 * 24 * 60 * 60,

  // Osmith finds its store and its proxy in the environment.
  buildExec: { envInherit: true },
  build: build.commands({ product: 'appliance' }),

  // Machines that install the release have nothing to run: the files are all there is.
  run: [],
}
