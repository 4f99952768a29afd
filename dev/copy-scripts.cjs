// Copies the scripts that Redis runs beside the compiled code that loads them: tsc passes over what is no TypeScript.
const { copyFileSync, readdirSync } = require('node:fs');
const { dirname, join } = require('node:path');

const root = dirname(require.resolve('../package.json'));

for (const folder of ['plugin', 'sidecar', 'service'])
  for (const name of readdirSync(join(root, folder), { recursive: true }))
    if (name.endsWith('.lua') && !name.startsWith('dist'))
      copyFileSync(join(root, folder, name), join(root, 'dist', folder, name));
