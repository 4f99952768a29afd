// Builds the package: the code with what it needs of protocol/ in one file, one for Node, further entries, all of it minified
// for pages without a bundler, and the types. Ends with 1 when a bundler would take more of the default entry than it may.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

// 6 KB: what an application's bundler takes from the default entry, minified and gzipped.
const MAX_GZIP_BYTES = 6_144;

const here = import.meta.dirname;
const { values } = parseArgs({ options: { outdir: { type: 'string', default: join(here, 'dist') } } });
const outdir = values.outdir;

const POLICY = { name: 'precomputed policy', setup: precomputePolicy };
const OTHER_ENTRIES = { name: 'other entries', setup: importEntries };
const SILENT_SOCKETS = { name: 'sockets of browsers', setup: expectSilentSockets };

rmSync(outdir, { recursive: true, force: true });
await bundle('index.js', { sourcemap: true });
await bundle('index.node.js', { sourcemap: true }, [POLICY]);
await bundle('index.min.js', { entryPoints: [source('min')], minify: true });
await bundle('http.js', { entryPoints: [source('http')] }, []);
await bundle('peers.js', { entryPoints: [source('peers')] }, []);
await bundle('locks.js', { entryPoints: [source('locks')] }, [OTHER_ENTRIES]);
await bundle('chat.js', { entryPoints: [source('chat')] }, [OTHER_ENTRIES]);
await bundle('ag-ui.js', { entryPoints: [source('ag-ui')] }, [OTHER_ENTRIES]);
await bundle('ai-sdk.js', { entryPoints: [source('ai-sdk')] }, [OTHER_ENTRIES]);
await bundle('react.js', { entryPoints: [source('react')], external: ['react'] }, [OTHER_ENTRIES]);
declareTypes();
await checkSize();

function source(entry) {
  return join(here, 'src', `${entry}.ts`);
}

async function bundle(name, options, plugins = [POLICY, SILENT_SOCKETS]) {
  await build({
    entryPoints: [source('index')],
    outfile: join(outdir, name),
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    plugins,
    ...options,
  });
}

// The table's words are for people: the bundle gets the map that close-policy.ts makes of it, ready made.
function precomputePolicy({ onLoad }) {
  onLoad({ filter: /close-policy\.ts$/ }, async ({ path }) => {
    const { outputFiles } = await build({ entryPoints: [path], bundle: true, format: 'esm', write: false });
    const { OTHERWISE, POLICY } = await import(
      `data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`
    );
    const values = [`OTHERWISE = '${OTHERWISE}'`, `POLICY = new Map(${JSON.stringify([...POLICY])})`];
    return { contents: values.map((value) => `export const ${value};`).join('') };
  });
}

// Only the WebSocket of `ws` tells how a handshake was refused. Where there is no Node there is no `ws`.
function expectSilentSockets({ onLoad }) {
  onLoad({ filter: /told-refusal\.ts$/ }, () => ({ contents: 'export function onRefusal() {}' }));
}

// A second copy of the client would have errors of other classes, and cost its bytes again.
function importEntries({ onResolve }) {
  const entries = { index: 'ws-bridge-client', errors: 'ws-bridge-client', chat: 'ws-bridge-client/chat' };
  onResolve({ filter: /^\.\/(index|errors|chat)\.ts$/ }, ({ path }) => ({
    path: entries[path.slice('./'.length, -'.ts'.length)],
    external: true,
  }));
}

function declareTypes() {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const args = [tsc, '-p', join(here, 'tsconfig.json'), '--outDir', join(outdir, 'types')];
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
  // tsc rewrites `./file.ts` in what it emits, except in declarations; not every TypeScript finds file.d.ts by it.
  for (const name of readdirSync(join(outdir, 'types'), { recursive: true })) {
    if (name.endsWith('.d.ts')) rewriteImports(join(outdir, 'types', name));
  }
}

function rewriteImports(path) {
  writeFileSync(path, readFileSync(path, 'utf8').replaceAll(/(from '\.[^']*)\.ts'/g, "$1.js'"));
}

async function checkSize() {
  const entry = `export * from ${JSON.stringify(join(outdir, 'index.js'))};`;
  const { outputFiles } = await build({
    stdin: { contents: entry, resolveDir: outdir },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
  });
  const bytes = outputFiles[0].contents;
  const gzip = gzipSync(bytes, { level: 9 }).length;
  process.stdout.write(`bundled: ${bytes.length} bytes, ${gzip} gzip (at most ${MAX_GZIP_BYTES})\n`);
  if (gzip > MAX_GZIP_BYTES) process.exit(1);
}
