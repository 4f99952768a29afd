import { maxOpenFiles } from '../../stdio/open-files';

const LIMITS = `Limit                     Soft Limit           Hard Limit           Units
Max processes             63382                63382                processes
Max open files            1024                 524288               files
`;

describe('the limit of open files', () => {
  it('is the soft one, which the process has', () => {
    expect(maxOpenFiles(LIMITS)).toBe(1024);
  });

  it('is not known where there is none, or the system does not say', () => {
    expect(maxOpenFiles(LIMITS.replace('1024  ', 'unlimited'))).toBeUndefined();
    expect(maxOpenFiles('')).toBeUndefined();
  });
});
