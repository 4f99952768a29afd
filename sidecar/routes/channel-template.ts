import { escapeSegment } from '../../protocol/channels';

/** The values that a channel template's placeholders stand for. */
export type ChannelValues = Readonly<Record<string, string>>;

/** One segment of a channel name, between two colons. */
type Segment =
  | { readonly literal: string }
  /** Tagged: the value stands in braces, and is all that decides the channel's slot in a cluster. */
  | { readonly placeholder: string; readonly tagged: boolean };

/** A channel's name with `{placeholder}`s, each of them a whole segment between colons. */
export interface ChannelTemplate {
  readonly text: string;
  readonly segments: readonly Segment[];
}

const PLACEHOLDER = /^\{([A-Za-z][A-Za-z0-9_]*)\}$/;
const TAGGED_PLACEHOLDER = /^\{\{([A-Za-z][A-Za-z0-9_]*)\}\}$/;

/**
 * Parses a template such as `{tenant}:dashboard:refresh:{id}`.
 * A placeholder fills a whole segment: escaped values hold no colon, so that two different lists of values
 * cannot spell one name. In double braces, `{{tenant}}:notifications`, it is a hash tag: channels with the same value share
 * a slot of a cluster, and so one order.
 * @returns undefined when it is empty or has braces in any other place
 */
export function parseChannelTemplate(text: string): ChannelTemplate | undefined {
  const segments = text.split(':').map(parseSegment);
  if (!segments.every((segment) => segment !== undefined)) return undefined;
  return { text, segments };
}

function parseSegment(segment: string): Segment | undefined {
  const placeholder = PLACEHOLDER.exec(segment)?.[1];
  if (placeholder !== undefined) return { placeholder, tagged: false };
  const tag = TAGGED_PLACEHOLDER.exec(segment)?.[1];
  if (tag !== undefined) return { placeholder: tag, tagged: true };
  return segment === '' || /[{}]/.test(segment) ? undefined : { literal: segment };
}

/** The names of a template's placeholders. */
export function placeholders(template: ChannelTemplate): readonly string[] {
  return template.segments.flatMap((segment) => ('placeholder' in segment ? [segment.placeholder] : []));
}

/**
 * The channel's name for these values, each escaped.
 * @throws TypeError when a placeholder has no value
 */
export function channelName(template: ChannelTemplate, values: ChannelValues): string {
  return template.segments
    .map((segment) => {
      if ('literal' in segment) return segment.literal;
      const value = values[segment.placeholder];
      if (value === undefined) throw new TypeError(`no value for {${segment.placeholder}}`);
      // An escaped value has no braces.
      return segment.tagged ? `{${escapeSegment(value)}}` : escapeSegment(value);
    })
    .join(':');
}

/** Matches every name that a template can spell, and what looks like one. */
export function namePattern({ segments }: ChannelTemplate): RegExp {
  const patterns = segments.map((segment) => {
    if ('literal' in segment) return segment.literal.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
    // An escaped value has no colon and no braces.
    return segment.tagged ? '\\{[^:{}]*\\}' : '[^:{}]*';
  });
  return new RegExp(`^${patterns.join(':')}$`);
}

/** Whether it names no owner: neither a tenant nor a session. */
export function isShared(template: ChannelTemplate): boolean {
  return !placeholders(template).some((name) => name === 'tenant' || name === 'session');
}

/**
 * Whether two templates can spell one name for two different owners. They can when no two literals keep them apart, and
 * the owner is not at the same place in both. The owner is {session} or {tenant} (and {user} where either has it). Two
 * that are shared have no owner but a user.
 */
export function canCrossOwners(a: ChannelTemplate, b: ChannelTemplate): boolean {
  if (a.segments.length !== b.segments.length) return false;
  if (a.segments.some((segment, index) => literalsDiffer(segment, b.segments[index]))) return false;
  if (sharePlace(a, b, 'session')) return false;
  if (!sharePlace(a, b, 'tenant') && !(isShared(a) && isShared(b))) return true;
  const hasUser = [...placeholders(a), ...placeholders(b)].includes('user');
  return hasUser && !sharePlace(a, b, 'user');
}

function literalsDiffer(left: Segment, right: Segment | undefined): boolean {
  if (right === undefined || !('literal' in left) || !('literal' in right)) return false;
  return left.literal !== right.literal;
}

function sharePlace(a: ChannelTemplate, b: ChannelTemplate, name: string): boolean {
  const isAt = (segment: Segment | undefined): boolean =>
    segment !== undefined && 'placeholder' in segment && segment.placeholder === name;
  return a.segments.some((segment, index) => isAt(segment) && isAt(b.segments[index]));
}
