import { describe, expect, it, jest } from '@jest/globals';
import { join, relative } from 'node:path';
import type * as rooms from '../../../dev/mutants/rooms';

const ROOT = join(__dirname, '../../..');
// Built, it finds the root of the checkout.
const { roomAt } = jest.requireActual<typeof rooms>(join(ROOT, 'dist/dev/mutants/rooms'));

function testsOf(path: string, without?: readonly string[]): readonly string[] {
  return roomAt(path, without).tests.map((file) => relative(ROOT, file));
}

describe('the tests held against a folder', () => {
  it('are those of its own, also for one of its files', () => {
    expect(testsOf('protocol/path.ts')).toEqual(testsOf('protocol'));
    expect(roomAt('protocol/path.ts').code).toEqual([join(ROOT, 'protocol/path.ts')]);
  });

  it('have with them those that are named for it, whether a folder or a file', () => {
    expect(testsOf('plugin/token').join()).toContain('test/plugin/authorization/');
    expect(testsOf('sidecar/resume')).toContain('test/sidecar/history/followed-history.test.ts');
  });

  it('leave out those whose path has one of the given parts', () => {
    const all = testsOf('sidecar/resume');
    const left = testsOf('sidecar/resume', ['handover/', 'property']);
    expect(left).toEqual(all.filter((file) => !file.includes('handover/') && !file.includes('property')));
    expect(left.length).toBeLessThan(all.length);
  });
});
