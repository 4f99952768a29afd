import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';

/** A text on the page that is hard to read. */
export interface FaintText {
  readonly text: string;
  /** As WCAG 2 counts it, 1 to 21. */
  readonly contrast: number;
}

const SCRIPT = readFileSync(join(__dirname, 'faint-texts.js'), 'utf8').replace(/;\s*$/, '');

/** The texts whose contrast with what is behind them is less than this. */
export function faintTexts(page: Page, least: number): Promise<FaintText[]> {
  return page.evaluate<FaintText[]>(`(${SCRIPT})(${least})`);
}
