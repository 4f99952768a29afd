import { expect, it } from '@jest/globals';
import { normalizedPath } from '../../plugin/path';

it.each([
  '/ws/ai/chat',
  '/ws/ai/%63hat',
  '//ws//ai/chat',
  '/ws/./ai/chat',
  '/x/../ws/ai/chat',
  '/ws/ai/x/%2E%2e/chat',
  '/../ws/ai/chat',
])('%s is /ws/ai/chat in another spelling', (path) => {
  expect(normalizedPath(path)).toBe('/ws/ai/chat');
});

it.each([
  ['/', '/'],
  ['', '/'],
  ['/a/', '/a/'],
  ['/%zz', '/%zz'],
])('%s is %s', (path, normalized) => {
  expect(normalizedPath(path)).toBe(normalized);
});
