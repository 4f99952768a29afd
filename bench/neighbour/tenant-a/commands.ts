import { OPCODE_TEXT } from '../../load/frame-reader';
import { maskedFrame } from '../masked-frame';

/** The values of a command whose `data` is an array, besides those in the array: the command, its type and the array. */
const AROUND = 3;

/**
 * A command whose `data` is an array of the same item again and again, as many as fit into so many bytes.
 * @param most how many values the command has at most
 * @param each how many values an item is
 */
export function arrayCommand(item: string, bytes: number, most = Infinity, each = 1): string {
  const [head, tail] = ['{"type":"t","data":[', ']}'];
  const fitting = Math.floor((bytes - head.length - tail.length + 1) / (item.length + 1));
  const count = Math.max(1, Math.min(fitting, Math.floor((most - AROUND) / each)));
  return `${head}${Array(count).fill(item).join(',')}${tail}`;
}

/** A command of exactly so many bytes, whose `data` is one text. */
export function textCommand(bytes: number): string {
  const [head, tail] = ['{"type":"t","data":"', '"}'];
  return `${head}${'x'.repeat(bytes - head.length - tail.length)}${tail}`;
}

/** Arrays within arrays, so many. */
export function nested(depth: number): string {
  return '['.repeat(depth) + ']'.repeat(depth);
}

/** A command as a client sends it. */
export function commandFrame(text: string): Buffer {
  return maskedFrame(OPCODE_TEXT, Buffer.from(text));
}
