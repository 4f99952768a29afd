import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { Certificates } from './certificates';

const read = (path: string): X509Certificate => new X509Certificate(readFileSync(path));

describe("certificates of a test's own authority", () => {
  let makeCertificates: () => Promise<Certificates>;
  let made: Certificates;
  beforeAll(async () => {
    // As on a machine with Node and nothing else.
    jest.doMock('node:child_process', () => {
      throw new Error('a command was to be run');
    });
    ({ makeCertificates } = jest.requireActual<{ makeCertificates: () => Promise<Certificates> }>(
      './certificates',
    ));
    made = await makeCertificates();
  });
  afterAll(() => made.remove());

  it('are made without any command of the machine', () => {
    expect(read(made.cert).checkIssued(read(made.ca))).toBe(true);
    expect(read(made.cert).verify(read(made.ca).publicKey)).toBe(true);
    expect(read(made.ca).ca).toBe(true);
  });

  it('are for 127.0.0.1 and redis.test, and for no other name', () => {
    const cert = read(made.cert);
    expect(cert.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(cert.checkHost('redis.test')).toBe('redis.test');
    expect(cert.checkHost('other.test')).toBeUndefined();
  });

  it('leave nothing behind', async () => {
    const other = await makeCertificates();
    await other.remove();
    expect([other.ca, other.cert, other.key].filter((file) => existsSync(file))).toEqual([]);
  });
});
