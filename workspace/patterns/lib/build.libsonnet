// Commands that build an image with Osmith. `osmith pattern build` sets OSMITH, OSMITH_WORKSPACE, OSMITH_LOCALDIR
// and OSMITH_OUT, and puts what its command line says about the variant into the variables.
local vars = std.extVar('vars');
local variant = std.get(vars, 'variant', {});
local quote = std.escapeStringBash;

// A pattern is rendered again on the machines it is for, where nothing is known of the build.
local option(name, value) = '--%s %s' % [name, quote(value)];

{
  // Arguments that choose the variant. `defaults` are attributes that the command line need not name.
  variantArguments(defaults)::
    local chosen = defaults + variant;
    std.join(' ', [
      option(name, chosen[name])
      for name in ['product', 'arch', 'platform', 'personality']
      if std.objectHas(chosen, name)
    ] + [
      option('set', setting)
      for setting in std.get(vars, 'set', [])
    ] + (if std.objectHas(chosen, 'branch') then ['--', quote(chosen.branch)] else [])),

  // Builds, then puts the manifest of what was built into the token.
  commands(defaults):: [
    {
      id: 'build',
      always: true,
      change: |||
        "$OSMITH" -C "$OSMITH_WORKSPACE" ${OSMITH_LOCALDIR:+--localdir "$OSMITH_LOCALDIR"} \
          build --out "$OSMITH_OUT" %s
      ||| % $.variantArguments(defaults),
      onChange: ['manifest'],
    },
    {
      id: 'manifest',
      change: 'cat "$OSMITH_OUT/manifest.json"',
      onChange: ['osmith:buildManifest'],
    },
  ],
}
