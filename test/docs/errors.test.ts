import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { OTHERWISE, POLICY } from '../../client/src/close-policy';
import { CLOSE_CODES, type AfterClose } from '../../protocol/close-codes';
import { BRIDGE_ERRORS, PROTOCOL_ERROR_CLOSE, type BridgeErrorCode } from '../../protocol/frames';
import { BRIDGE_REFUSALS, GATEKEEPER_REFUSALS } from '../../protocol/refusals';
import { ANSWER_ERRORS } from '../../service/src/answers/answer-error';
import * as answers from '../../sidecar/http/refusal';

const ROOT = join(__dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const PAGE = read('docs/errors.md');
const PROTOCOL = read('PROTOCOL.md');

/** The text between a heading and the next one. */
function section(page: string, heading: string): string {
  const [, behind] = page.split(`\n${heading}\n`);
  if (behind === undefined) throw new Error(`no heading "${heading}"`);
  return behind.split(/\n#+ /, 1)[0] ?? '';
}

/** The cells of a section's only table, without its head. */
function rows(page: string, heading: string): string[][] {
  return section(page, heading)
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** The source of a folder, without what is in its tables of `protocol/`. */
function sourceOf(folder: string): string {
  const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.ts'))
    .map((file) => read(join(folder, file)))
    .join('\n');
}

const THEN: Readonly<Record<AfterClose, string>> = {
  reconnect: 'reconnects, spread out',
  'reconnect-later': 'reconnects with backoff',
  'renew-token': 'fetches a new token, reconnects',
  resume: 'reconnects and resumes',
  stop: 'stops',
};

const quoted = (name: string): string => `\`${name}\``;

describe('docs/errors.md', () => {
  const closeCodes = Object.values(CLOSE_CODES).map(({ code, name, meaning, then }) => [
    ...[String(code), name, meaning],
    THEN[then],
  ]);

  it.each([
    ['it', PAGE, '## Close codes of the bridge'],
    ['PROTOCOL.md', PROTOCOL, '## 4. Close codes'],
  ])('has the close codes of the code, and no other: %s', (_, page, heading) => {
    expect(rows(page, heading)).toEqual(closeCodes);
  });

  it('has other close codes, which the bridge does not choose and after which a client comes back', () => {
    const other = rows(PAGE, '## Other close codes');
    const codes = other.map(([code]) => Number(code));
    expect(codes).toEqual([1000, 1002, 1005, 1006, 1007, PROTOCOL_ERROR_CLOSE]);
    expect(codes.filter((code) => POLICY.has(code))).toEqual([]);
    expect(section(PAGE, '## Other close codes')).toContain(THEN[OTHERWISE]);
  });

  it('has the codes of the error frames, and no other', () => {
    expect(rows(PAGE, '## Error frames of the bridge')).toEqual(
      Object.entries(BRIDGE_ERRORS).map(([code, meaning]) => [quoted(code), meaning]),
    );
    const listed = [...section(PROTOCOL, '## 3. Frames').matchAll(/^- `([A-Z_]+)`: /gm)];
    expect(listed.map(([, code]) => code)).toEqual(Object.keys(BRIDGE_ERRORS));
  });

  it('has the codes with which services end answers, and no other', () => {
    expect(rows(PAGE, '## Error frames of ws-bridge-service')).toEqual(
      Object.entries(ANSWER_ERRORS).map(([code, meaning]) => [quoted(code), meaning]),
    );
    const source = sourceOf('service/src');
    expect(Object.keys(ANSWER_ERRORS).filter((code) => !source.includes(`answerError('${code}'`))).toEqual(
      [],
    );
  });

  it("has the gatekeeper's refusals with their statuses, and no other", () => {
    expect(rows(PAGE, '### By the gatekeeper')).toEqual(
      Object.entries(GATEKEEPER_REFUSALS).map(([code, { status, meaning }]) => [
        ...[quoted(code), String(status)],
        meaning,
      ]),
    );
  });

  it("has the bridge's refusals with their statuses, and no other", () => {
    expect(rows(PAGE, '### By the bridge')).toEqual(
      Object.entries(BRIDGE_REFUSALS).map(([code, { statuses, meaning }]) => [
        ...[quoted(code), statuses.join(', ')],
        meaning,
      ]),
    );
  });

  it('says of answers to refused upgrades what the bridge does', () => {
    const refusals = bridgeAnswers();
    const lacking = (header: string, statuses: readonly number[]) =>
      refusals.filter(({ status, headers }) => statuses.includes(status) && !(header in headers));
    expect(lacking('WWW-Authenticate', [401])).toEqual([]);
    expect(lacking('Retry-After', [429, 503])).toEqual([]);
  });
});

describe('the tables that docs/errors.md shows', () => {
  it('have no refusal of the gatekeeper that nothing in it makes', () => {
    const source = sourceOf('plugin');
    const unused = Object.keys(GATEKEEPER_REFUSALS).filter((code) => !source.includes(`'${code}'`));
    expect(unused).toEqual([]);
  });

  it('have the statuses with which the bridge answers, and no other', () => {
    const made = new Map<string, Set<number>>();
    for (const { outcome, status } of bridgeAnswers()) {
      made.set(outcome, (made.get(outcome) ?? new Set()).add(status));
    }
    const listed = Object.entries(BRIDGE_REFUSALS).map(([code, { statuses }]) => [code, [...statuses]]);
    const sorted = [...made].map(([code, statuses]) => [code, [...statuses].sort((a, b) => a - b)]);
    expect(Object.fromEntries(sorted)).toEqual(Object.fromEntries(listed));
  });

  it('have no code of an error frame that nothing in the bridge sends', () => {
    const source = sourceOf('sidecar/inbound');
    expect(Object.keys(BRIDGE_ERRORS).filter((code) => !source.includes(`Message('${code}'`))).toEqual([]);
  });

  it('have no close code that nothing sends', () => {
    const source = sourceOf('sidecar');
    const unused = Object.keys(CLOSE_CODES).filter((name) => !source.includes(`CLOSE_CODES.${name}`));
    // The first is a page's or a proxy's, the next two ws sends by itself, the last is kept for a bridge that sheds load.
    expect(unused).toEqual(['goingAway', 'policyViolation', 'messageTooBig', 'tryAgainLater']);
  });
});

/** Every answer to a refused upgrade that sidecar/http/refusal.ts makes. */
function bridgeAnswers(): readonly answers.Refusal[] {
  const ofMessages = Object.entries(answers.MESSAGE_STATUSES).map(([code, status]) =>
    answers.messageRefused(status, { code: code as BridgeErrorCode, message: '', id: undefined }),
  );
  return [...Object.values(answers), ...ofMessages]
    .flatMap((exported): unknown[] => {
      if (typeof exported !== 'function') return [exported];
      return exported.length === 1 ? [(exported as (text: string) => unknown)('user')] : [];
    })
    .filter((made): made is answers.Refusal => Object.hasOwn(Object(made) as object, 'outcome'));
}
