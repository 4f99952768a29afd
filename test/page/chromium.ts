import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Starts the machine's Chromium without a window. @throws Error that says what to install */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    // On a busy machine it takes a while.
    timeout: 60_000,
    executablePath: chromiumPath(),
    // Chromium's sandbox does not run as root, as in a container.
    chromiumSandbox: process.getuid?.() !== 0 && process.env['CI'] === undefined,
  });
}

/** CHROMIUM_PATH, or the first one on PATH. */
function chromiumPath(): string {
  const named = process.env['CHROMIUM_PATH'];
  if (named !== undefined && named !== '') return named;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const found = NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
  if (found !== undefined) return found;
  throw new Error(
    'no Chromium on PATH, which the tests of the demo page drive: install it (sh dev/setup.sh test, or apt-get install chromium), or name one with CHROMIUM_PATH',
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
