import { heapGroups, type HeapSnapshot } from '../../../bench/heap/heap-groups';

const TYPES = ['synthetic', 'object', 'closure', 'string', 'array'];
const EDGES = ['property', 'weak'];

interface Node {
  readonly type: (typeof TYPES)[number];
  readonly name: string;
  readonly bytes: number;
  /** Numbers of nodes. */
  readonly holds?: readonly number[];
  readonly refersTo?: readonly number[];
}

function snapshotOf(nodes: readonly Node[]): HeapSnapshot {
  const FIELDS = ['type', 'name', 'id', 'self_size', 'edge_count'];
  const edgesOf = ({ holds = [], refersTo = [] }: Node): number[] => [
    ...holds.flatMap((to) => [0, 0, to * FIELDS.length]),
    ...refersTo.flatMap((to) => [1, 0, to * FIELDS.length]),
  ];
  return {
    snapshot: {
      meta: {
        node_fields: FIELDS,
        node_types: [TYPES],
        edge_fields: ['type', 'name_or_index', 'to_node'],
        edge_types: [EDGES],
      },
    },
    nodes: nodes.flatMap((node, index) => [
      TYPES.indexOf(node.type),
      index,
      index,
      node.bytes,
      edgesOf(node).length / 3,
    ]),
    edges: nodes.flatMap(edgesOf),
    strings: nodes.map(({ name }) => name),
  };
}

describe('the groups of a heap', () => {
  it('are its objects by constructor, with the strings and lists that are theirs, the largest first', () => {
    const groups = heapGroups(
      snapshotOf([
        { type: 'synthetic', name: '', bytes: 0, holds: [1, 4] },
        { type: 'object', name: 'Socket', bytes: 100, holds: [2, 3] },
        { type: 'string', name: 'u1', bytes: 20 },
        { type: 'object', name: 'Array', bytes: 16, holds: [5] },
        { type: 'object', name: 'Socket', bytes: 100 },
        { type: 'array', name: '', bytes: 8, holds: [6] },
        { type: 'closure', name: 'onData', bytes: 64 },
      ]),
    );
    expect(groups).toEqual([
      { kind: 'Socket', objects: 2, bytes: 244 },
      { kind: 'function onData', objects: 1, bytes: 64 },
      { kind: 'the rest', objects: 1, bytes: 0 },
    ]);
  });

  it('count what several hold once, for the one nearest to the roots', () => {
    const groups = heapGroups(
      snapshotOf([
        { type: 'synthetic', name: '', bytes: 0, holds: [1] },
        { type: 'object', name: 'Near', bytes: 10, holds: [2, 3] },
        { type: 'object', name: 'Far', bytes: 10, holds: [3] },
        { type: 'string', name: 'shared', bytes: 30 },
      ]),
    );
    expect(groups).toContainEqual({ kind: 'Near', objects: 1, bytes: 40 });
    expect(groups).toContainEqual({ kind: 'Far', objects: 1, bytes: 10 });
  });

  it('do not follow a weak reference', () => {
    const groups = heapGroups(
      snapshotOf([
        { type: 'synthetic', name: '', bytes: 0, holds: [1, 3] },
        { type: 'object', name: 'Cache', bytes: 10, refersTo: [2] },
        { type: 'string', name: 'kept', bytes: 30 },
        { type: 'object', name: 'Owner', bytes: 10, holds: [2] },
      ]),
    );
    expect(groups).toContainEqual({ kind: 'Owner', objects: 1, bytes: 40 });
  });
});
