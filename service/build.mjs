// Builds the package: the code with what it needs of protocol/ in one file, the scripts that Redis runs, and the types.
import { spawnSync } from 'node:child_process';
import { copyFileSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const here = import.meta.dirname;
const source = join(here, 'src');
const { values } = parseArgs({ options: { outdir: { type: 'string', default: join(here, 'dist') } } });
const outdir = values.outdir;

rmSync(outdir, { recursive: true, force: true });
await build({
  entryPoints: [join(source, 'index.ts')],
  outfile: join(outdir, 'index.js'),
  bundle: true,
  // ES modules import it by name as well: esbuild writes the names down for Node.
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  external: ['ioredis'],
  sourcemap: true,
});
// Each file loads its script from the folder that it runs in, which is one folder now.
for (const name of readdirSync(source, { recursive: true }))
  if (name.endsWith('.lua')) copyFileSync(join(source, name), join(outdir, basename(name)));
declareTypes();

function declareTypes() {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const args = [tsc, '-p', join(here, 'tsconfig.json'), '--outDir', join(outdir, 'types')];
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
