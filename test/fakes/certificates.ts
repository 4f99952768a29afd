import { generateKeyPair, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pki, md } from 'node-forge';
import { makeOwnFolder } from './own-folder';

/** PEM files of an authority, made now, and of a certificate of 127.0.0.1 and `redis.test` that it signed. */
export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  remove(): Promise<void>;
}

/** Makes them with a library: no machine need have a command for it. */
export async function makeCertificates(): Promise<Certificates> {
  const folder = makeOwnFolder('certificates-');
  const [authority, server] = await Promise.all([newKeys(), newKeys()]);
  const ca = certificate('test authority', authority, 'test authority', authority, [
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'keyUsage', keyCertSign: true, critical: true },
  ]);
  const cert = certificate('redis.test', server, 'test authority', authority, [
    { name: 'subjectAltName', altNames: [ADDRESS, NAME] },
  ]);
  const write = async (name: string, pem: string): Promise<string> => {
    const path = join(folder.path, name);
    await writeFile(path, pem, { mode: 0o600 });
    return path;
  };
  return {
    ca: await write('ca.pem', pki.certificateToPem(ca)),
    cert: await write('cert.pem', pki.certificateToPem(cert)),
    key: await write('key.pem', server.privatePem),
    remove: () => folder.remove(),
  };
}

/** In RFC 5280's GeneralName 2 is a DNS name and 7 an address. */
const NAME = { type: 2, value: 'redis.test' };
const ADDRESS = { type: 7, ip: '127.0.0.1' };

const DAY_MS = 86_400_000;

interface Keys {
  readonly privatePem: string;
  readonly private: pki.rsa.PrivateKey;
  readonly public: pki.rsa.PublicKey;
}

/** Node makes them in a fraction of the time that JavaScript takes. */
async function newKeys(): Promise<Keys> {
  const { privateKey, publicKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  return {
    privatePem: privateKey,
    private: pki.privateKeyFromPem(privateKey),
    public: pki.publicKeyFromPem(publicKey),
  };
}

function certificate(
  subject: string,
  keys: Keys,
  issuer: string,
  issuerKeys: Keys,
  extensions: readonly object[],
): pki.Certificate {
  const made = pki.createCertificate();
  made.publicKey = keys.public;
  // Positive (RFC 5280 §4.1.2.2).
  made.serialNumber = `01${randomBytes(8).toString('hex')}`;
  made.validity.notBefore = new Date(Date.now() - DAY_MS);
  made.validity.notAfter = new Date(Date.now() + DAY_MS);
  made.setSubject([{ name: 'commonName', value: subject }]);
  made.setIssuer([{ name: 'commonName', value: issuer }]);
  made.setExtensions([...extensions]);
  made.sign(issuerKeys.private, md.sha256.create());
  return made;
}
