import { openFilesFault } from '../../../sidecar/settings/open-files';

describe('the cap on connections, beside the limit of open files', () => {
  it('leaves room for the files that are no connections', () => {
    expect(openFilesFault({ maxConnections: 1000, workers: 1 }, 1128)).toBeUndefined();
    expect(openFilesFault({ maxConnections: 1000, workers: 1 }, 1127)).toContain(
      'may have 1127 files open, and BRIDGE_MAX_CONNECTIONS needs 1128',
    );
  });

  it("is each worker's share, since each has a limit of its own", () => {
    expect(openFilesFault({ maxConnections: 1000, workers: 4 }, 378)).toBeUndefined();
    expect(openFilesFault({ maxConnections: 1000, workers: 4 }, 377)).toBeDefined();
  });

  it('is not judged where either is any number', () => {
    expect(openFilesFault({ maxConnections: 0, workers: 1 }, 1)).toBeUndefined();
    expect(openFilesFault({ maxConnections: 1000, workers: 1 }, undefined)).toBeUndefined();
  });
});
