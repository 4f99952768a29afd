import type { Answer } from '../../client/src/answer.ts';
import { OthersAnswers, type OthersAnswer } from '../../client/src/others-answers.ts';

const answer = (id: string): Answer => ({ id, tokens: () => [], parts: () => [] }) as unknown as Answer;

const idOf = ({ value }: IteratorResult<OthersAnswer, void>): string | undefined => value?.id;

describe('answers to others', () => {
  it('are read in their order, those before the reader came too', async () => {
    const others = new OthersAnswers();
    others.add(answer('a'));
    const reader = others.read();
    expect(idOf(await reader.next())).toBe('a');
    const next = reader.next();
    others.add(answer('b'));
    others.add(answer('c'));
    expect([idOf(await next), idOf(await reader.next())]).toEqual(['b', 'c']);
  });

  it('that are over are kept for a reader, and for nobody else', async () => {
    const others = new OthersAnswers();
    const [early, read, late] = [answer('early'), answer('read'), answer('late')];
    others.add(early);
    others.add(read);
    others.forget(early);
    others.forget(answer('unknown'));
    const reader = others.read();
    expect(idOf(await reader.next())).toBe('read');
    others.add(late);
    others.forget(late);
    expect(idOf(await reader.next())).toBe('late');
    await reader.return();
    expect(others.isFollowed).toBe(false);
    others.add(late);
    others.forget(late);
    expect(others.newest()).toBeUndefined();
  });

  it('end for a reader that waits, and for one that comes later, once they have what there is', async () => {
    const others = new OthersAnswers();
    const reader = others.read();
    const waits = reader.next();
    expect(others.isFollowed).toBe(true);
    others.end();
    expect(await waits).toEqual({ value: undefined, done: true });
    others.add(answer('a'));
    const later = others.read();
    expect(idOf(await later.next())).toBe('a');
    expect((await later.next()).done).toBe(true);
  });

  it('give the one that began last, each once', () => {
    const others = new OthersAnswers();
    others.add(answer('a'));
    others.add(answer('b'));
    expect([others.newest()?.id, others.newest()?.id, others.newest()]).toEqual(['b', 'a', undefined]);
  });
});
