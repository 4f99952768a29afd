import { arrayCommand, nested, textCommand } from '../../../../bench/neighbour/tenant-a/commands';

const data = (command: string): unknown => (JSON.parse(command) as { data: unknown }).data;

test('a command of one text is exactly as large as was asked', () => {
  const command = textCommand(1000);
  expect(Buffer.byteLength(command)).toBe(1000);
  expect(data(command)).toMatch(/^x+$/);
});

test('a command of an array is as large as fits', () => {
  const command = arrayCommand('1e20', 1000);
  expect(command.length).toBeLessThanOrEqual(1000);
  expect(command.length + ',1e20'.length).toBeGreaterThan(1000);
  expect(data(command)).toHaveLength((command.length - '{"type":"t","data":[]}'.length + 1) / 5);
});

test('a command of an array has no more values than was asked', () => {
  expect(data(arrayCommand('1e20', 1000, 10))).toHaveLength(7);
  expect(data(arrayCommand(nested(3), 1000, 10, 3))).toHaveLength(2);
});

test('arrays within arrays are as deep as was asked', () => {
  expect(JSON.parse(nested(3))).toEqual([[[]]]);
});
