import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** PEM files of an authority, made now, and of a certificate of 127.0.0.1 and `redis.test` that it signed. */
export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  remove(): Promise<void>;
}

/** Makes them with the `openssl` command. */
export async function makeCertificates(): Promise<Certificates> {
  const dir = await mkdtemp(join(tmpdir(), 'certificates-'));
  const file = (name: string): string => join(dir, name);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await run('openssl', [
    ...['req', '-x509', ...newKey, '-days', '2', '-subj', '/CN=test authority'],
    ...['-keyout', file('ca.key'), '-out', file('ca.pem')],
  ]);
  await run('openssl', [
    ...['req', ...newKey, '-subj', '/CN=redis.test', '-keyout', file('key.pem'), '-out', file('request.pem')],
  ]);
  await writeFile(file('san'), 'subjectAltName=IP:127.0.0.1,DNS:redis.test\n');
  await run('openssl', [
    ...['x509', '-req', '-in', file('request.pem'), '-days', '2', '-out', file('cert.pem')],
    ...['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-extfile', file('san')],
  ]);
  return {
    ca: file('ca.pem'),
    cert: file('cert.pem'),
    key: file('key.pem'),
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}
