/** A heap snapshot of V8, as far as it is read: node and edge fields in turn, in flat lists. */
export interface HeapSnapshot {
  readonly snapshot: {
    readonly meta: {
      readonly node_fields: readonly string[];
      readonly node_types: readonly [readonly string[], ...unknown[]];
      readonly edge_fields: readonly string[];
      readonly edge_types: readonly [readonly string[], ...unknown[]];
    };
  };
  readonly nodes: readonly number[];
  readonly edges: readonly number[];
  readonly strings: readonly string[];
}

/** All objects of one kind, with what belongs to them. */
export interface HeapGroup {
  readonly kind: string;
  readonly objects: number;
  /** Their own, and those of the strings, numbers, lists and dictionaries that are held for them. */
  readonly bytes: number;
}

/** Kinds of nodes that are something by themselves. All others belong to whoever holds them. */
const SELF = new Set(['object', 'closure', 'native']);
/** Objects that are parts of others. */
const PARTS = new Set(['Array', 'Object', 'system / Context', 'Map', 'Set']);

/**
 * The groups of a heap's bytes. An object counts under its constructor, a function under its name. One without a name of its own
 * counts for the one that holds it, by the shortest way from the roots.
 */
export function heapGroups(heap: HeapSnapshot): readonly HeapGroup[] {
  const graph = new Graph(heap);
  const holders = graph.holders();
  const kinds = new Map<string, { objects: number; bytes: number }>();
  for (let node = 0; node < graph.size; node += 1) {
    let owner = node;
    while (!graph.isSelf(owner) && holders[owner] !== owner) owner = holders[owner] ?? owner;
    const kind = graph.kind(owner);
    const group = kinds.get(kind) ?? { objects: 0, bytes: 0 };
    kinds.set(kind, group);
    group.bytes += graph.bytes(node);
    if (owner === node) group.objects += 1;
  }
  return [...kinds].map(([kind, group]) => ({ kind, ...group })).sort((a, b) => b.bytes - a.bytes);
}

/** The nodes of a heap by number, from 0 for the root of all. */
class Graph {
  readonly #heap: HeapSnapshot;
  readonly #nodeFields: number;
  readonly #edgeFields: number;
  readonly #at: Readonly<Record<'type' | 'name' | 'self_size' | 'edge_count', number>>;

  constructor(heap: HeapSnapshot) {
    const { node_fields: nodeFields, edge_fields: edgeFields } = heap.snapshot.meta;
    this.#heap = heap;
    this.#nodeFields = nodeFields.length;
    this.#edgeFields = edgeFields.length;
    const at = (field: string): number => nodeFields.indexOf(field);
    this.#at = {
      type: at('type'),
      name: at('name'),
      self_size: at('self_size'),
      edge_count: at('edge_count'),
    };
  }

  get size(): number {
    return this.#heap.nodes.length / this.#nodeFields;
  }

  bytes(node: number): number {
    return this.#field(node, 'self_size');
  }

  isSelf(node: number): boolean {
    return SELF.has(this.#type(node)) && !PARTS.has(this.#name(node));
  }

  kind(node: number): string {
    const name = this.#name(node);
    if (this.#type(node) === 'closure') return `function ${name}`;
    return this.isSelf(node) ? name : 'the rest';
  }

  /** For each node the one that holds it, on the shortest way from the root; a node that nobody holds holds itself. */
  holders(): Int32Array {
    const first = this.#firstEdges();
    const holders = new Int32Array(this.size).map((_, node) => node);
    const seen = new Uint8Array(this.size);
    let ring = [0];
    seen[0] = 1;
    while (ring.length > 0) {
      const next: number[] = [];
      for (const from of ring) {
        for (let edge = first[from] ?? 0; edge < (first[from + 1] ?? 0); edge += 1) {
          const to = this.#target(edge);
          if (to === undefined || seen[to] === 1) continue;
          seen[to] = 1;
          holders[to] = from;
          next.push(to);
        }
      }
      ring = next;
    }
    return holders;
  }

  #firstEdges(): Int32Array {
    const first = new Int32Array(this.size + 1);
    for (let node = 0; node < this.size; node += 1) {
      first[node + 1] = (first[node] ?? 0) + this.#field(node, 'edge_count');
    }
    return first;
  }

  /** @returns undefined for an edge that holds nothing */
  #target(edge: number): number | undefined {
    const [types] = this.#heap.snapshot.meta.edge_types;
    const at = edge * this.#edgeFields;
    const type = types[this.#heap.edges[at] ?? 0];
    return type === 'weak' ? undefined : (this.#heap.edges[at + 2] ?? 0) / this.#nodeFields;
  }

  #type(node: number): string {
    return this.#heap.snapshot.meta.node_types[0][this.#field(node, 'type')] ?? '';
  }

  #name(node: number): string {
    return this.#heap.strings[this.#field(node, 'name')] ?? '';
  }

  #field(node: number, field: 'type' | 'name' | 'self_size' | 'edge_count'): number {
    return this.#heap.nodes[node * this.#nodeFields + this.#at[field]] ?? 0;
  }
}
