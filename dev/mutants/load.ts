import { transformSync } from '@swc/core';
import { readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';

interface Loader {
  readonly _extensions: Record<string, (module: Compiling, file: string) => void>;
}

interface Compiling {
  _compile(code: string, file: string): unknown;
}

const load = createRequire(__filename);
const compiled = new Map<string, string>();

/** Has TypeScript loaded as jest does it, and some files with the text that is given for them. */
export function loadTypeScript(sources: Readonly<Record<string, string>>): void {
  (Module as unknown as Loader)._extensions['.ts'] = (module, file) => {
    let code = compiled.get(file);
    if (code === undefined) {
      code = compile(file, sources[file] ?? readFileSync(file, 'utf8'));
      compiled.set(file, code);
    }
    module._compile(code, file);
  };
}

function compile(filename: string, source: string): string {
  return transformSync(source, {
    filename,
    swcrc: false,
    jsc: { parser: { syntax: 'typescript' }, target: 'es2023' },
    module: { type: 'commonjs' },
  }).code;
}

/** Gives tests what they find in jest, whether they import it or not. */
export function provide(globals: Readonly<Record<string, unknown>>): void {
  Object.assign(globalThis, globals);
  const file = require.resolve('@jest/globals');
  require.cache[file] = Object.assign(new Module(file), { exports: globals, loaded: true });
}

/** Loads a file, and all TypeScript that it imports, as if nothing had been loaded. */
export function loadAnew(file: string): void {
  for (const path of Object.keys(require.cache))
    if (path.endsWith('.ts')) Reflect.deleteProperty(require.cache, path);
  load(file);
}
