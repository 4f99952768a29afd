import type { Case } from '../case';
import { CLOSING } from './closing';
import { FRAGMENTATION } from './fragmentation';
import { FRAMING } from './framing';
import { PINGS } from './pings';
import { RESERVED } from './reserved';
import { UTF8 } from './utf8';

/** Every case but those of group 9 and of compression. */
export const CASES: readonly Case[] = [
  ...FRAMING,
  ...PINGS,
  ...RESERVED,
  ...FRAGMENTATION,
  ...UTF8,
  ...CLOSING,
];
