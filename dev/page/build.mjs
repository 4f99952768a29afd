// Puts the demo page into dist/dev/page: its scripts and the client, as `npm run build:client` made it, in one file.
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const here = import.meta.dirname;
const outdir = join(here, '../../dist/dev/page');

rmSync(outdir, { recursive: true, force: true });
await build({
  entryPoints: [join(here, 'main.ts')],
  outfile: join(outdir, 'main.js'),
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  // Without the paths of tsconfig.json: the package itself, not its source.
  tsconfigRaw: {},
  logLevel: 'warning',
});
for (const name of ['index.html', 'style.css', 'icon.svg']) cpSync(join(here, name), join(outdir, name));
