import { DEFAULT_HEADER_NAMES } from '../../../protocol/headers';
import { importSecret, type FittedKey } from '../../../protocol/keys';
import { upgradeRequestReader } from '../../../sidecar/handshake/upgrade-request';
import { verifyCaller } from '../../../sidecar/handshake/verify-caller';
import { headersFor, SECRET } from '../fixture';
import { judge, NOW_MS, statusOf, type Asked } from './judging';

const ROLES = { roles: ['analyst', 'admin'] };

/** Whether a caller is admitted whose headers are changed so. */
async function isAdmitted(headers: Asked['headers'] = {}, caller: Asked['caller'] = ROLES): Promise<boolean> {
  const status = await statusOf({ headers, caller });
  expect([101, 401]).toContain(status);
  return status === 101;
}

describe('a caller', () => {
  it('is whom the assertion names, with plain headers that agree with it', async () => {
    expect(await judge({ caller: ROLES })).toMatchObject({
      caller: { identity: { tenantId: 'acme', userId: 'alice', ...ROLES } },
    });
  });

  it.each(['X-Tenant-ID', 'X-User-ID', 'X-User-Roles', 'X-Request-ID', 'X-Gateway-Assertion'])(
    'is nobody without one %s, or with two',
    async (name) => {
      const own: Readonly<Record<string, string>> = await headersFor(
        { tenant: 'acme', user: 'alice', ...ROLES },
        NOW_MS,
      );
      const value = own[name] ?? '';
      expect(await isAdmitted({ ...own })).toBe(true);
      expect(await isAdmitted({ ...own, [name]: undefined })).toBe(false);
      expect(await isAdmitted({ ...own, [name]: [value, value] })).toBe(false);
    },
  );

  it.each([
    ['X-Tenant-ID', 'other'],
    ['X-User-ID', 'root'],
    ['X-User-Roles', 'analyst,admin,owner'],
    ['X-User-Roles', 'admin,analyst'],
    ['X-User-Roles', ''],
    ['X-Request-ID', 'forged'],
    ['X-Gateway-Assertion', 'e30.e30.e30'],
  ])('is nobody with a forged %s: %j', async (name, value) => {
    expect(await isAdmitted({ [name]: value })).toBe(false);
  });

  it('has no roles where there is no header of them, and no other may be absent', async () => {
    expect(await isAdmitted({ 'X-User-Roles': undefined }, {})).toBe(true);
    expect(await isAdmitted({ 'X-User-Roles': 'admin' }, {})).toBe(false);
  });

  it('is no caller who is refused where something fails that is no fault of the assertion', async () => {
    const raw = await headersFor({ tenant: 'acme', user: 'alice' }, NOW_MS);
    const given = upgradeRequestReader(DEFAULT_HEADER_NAMES)({
      rawHeaders: Object.entries(raw).flat(),
    }).caller;
    const key = await importSecret(SECRET, 'HS256');
    const policy = { headers: DEFAULT_HEADER_NAMES, keys: [key], now: () => NOW_MS };
    expect(await verifyCaller(given, policy)).toMatchObject({ identity: { userId: 'alice' } });
    const now = () => {
      throw new RangeError('no clock');
    };
    await expect(verifyCaller(given, { ...policy, now })).rejects.toThrow('no clock');
    const none: readonly FittedKey[] = [];
    expect(await verifyCaller(given, { ...policy, keys: none })).toMatchObject({ status: 401 });
  });
});
