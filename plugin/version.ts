import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The version in the nearest package.json above, so that it is the same from source and from dist. */
export const version: string = readVersion(__dirname);

function readVersion(folder: string): string {
  try {
    const text = readFileSync(join(folder, 'package.json'), 'utf8');
    return (JSON.parse(text) as { version: string }).version;
  } catch (cause) {
    const parent = dirname(folder);
    if (parent === folder) throw cause;
    return readVersion(parent);
  }
}
