import { selectSubprotocol } from '../../../sidecar/handshake/subprotocols';

const LISTED = new Set(['json', 'graphql']);

describe('the subprotocol that is agreed to', () => {
  it.each([
    ['bridge.v1 before all others', ['json', 'plain.v1', 'bridge.v1'], 'bridge.v1'],
    ['plain.v1 before what the operator lists', ['json', 'plain.v1'], 'plain.v1'],
    ['the first offered one that the operator lists', ['x', 'graphql', 'json'], 'graphql'],
    ['none where none is known, such as a token', ['eyJhbGciOiJIUzI1NiJ9'], undefined],
    ['none where none is offered', [], undefined],
  ])('is %s', (_, offers, selected) => {
    expect(selectSubprotocol(new Set(offers), LISTED)).toBe(selected);
  });
});
