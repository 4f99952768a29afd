import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { memoryLimitOf } from '../../../bench/neighbour/shipped-memory';

const MANIFESTS = `
kind: ServiceAccount
---
kind: Deployment
spec:
  template:
    spec:
      containers:
        - name: other
        - name: ws-bridge
          resources: { limits: { memory: 2Gi } }
`;

test('the limit of a container is found among manifests', () => {
  expect(memoryLimitOf(MANIFESTS, 'ws-bridge')).toBe(2 ** 31);
});

test('a container without one is an error, and no bound of its own', () => {
  expect(() => memoryLimitOf(MANIFESTS, 'other')).toThrow(
    'expected a memory limit of container "other", found none',
  );
});

test('the deployment files have one for the bridge', () => {
  const manifest = readFileSync(join(__dirname, '../../../deploy/kubernetes/bridge.yaml'), 'utf8');
  expect(memoryLimitOf(manifest, 'ws-bridge')).toBeGreaterThan(2 ** 27);
});
