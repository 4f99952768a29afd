import { ResumeCursor } from '../../client/src/resume-cursor.ts';

function cursorAt(epoch: string, offset: number): ResumeCursor {
  const cursor = new ResumeCursor();
  cursor.goOn({ epoch, offset });
  return cursor;
}

describe('the resume point', () => {
  it('is none before the first ready', () => {
    expect(new ResumeCursor().point).toBeUndefined();
  });

  it('is the epoch and offset of the last ready or gap, plus one for each data frame since', () => {
    const cursor = cursorAt('e', 41);
    expect(cursor.point).toBe('e.41');
    expect(cursor.count()).toBe(true);
    expect(cursor.point).toBe('e.42');
    cursor.restart({ epoch: 'f', offset: 0 });
    cursor.count();
    expect(cursor.point).toBe('f.1');
  });

  it('goes on in the epoch that the next ready names', () => {
    const next = cursorAt('e', 41).fork();
    expect(next.point).toBe('e.41');
    next.goOn({ epoch: 'g', offset: 3 });
    expect(next.count()).toBe(true);
    expect(next.point).toBe('g.4');
  });
});

describe('what two connections deliver', () => {
  it('is told once: the second is quiet for as many frames as the first delivered since it was asked for', () => {
    const next = cursorAt('e', 0).fork();
    next.overtake();
    next.overtake();
    next.goOn({ epoch: 'g', offset: 0 });
    expect([next.count(), next.count(), next.count()]).toEqual([false, false, true]);
    expect(next.point).toBe('g.3');
  });

  it('is told once also when the second breaks in the midst of repeating, and a third resumes', () => {
    const second = cursorAt('e', 0).fork();
    second.overtake();
    second.overtake();
    second.goOn({ epoch: 'g', offset: 0 });
    second.count();
    const third = second.fork();
    expect(third.point).toBe('g.1');
    expect(third.overtaken).toBe(false);
    expect([third.count(), third.count()]).toEqual([false, true]);
  });

  it('is told once also when a gap of the same epoch skips a part of what is repeated', () => {
    const next = cursorAt('e', 100).fork();
    for (let count = 0; count < 5; count += 1) next.overtake();
    next.goOn({ epoch: 'g', offset: 100 });
    expect(next.count()).toBe(false);
    next.restart({ epoch: 'g', offset: 102 });
    expect([next.count(), next.count(), next.count(), next.count()]).toEqual([false, false, false, true]);
  });

  it('is all told after a gap of the same epoch that skips all that is repeated, and more', () => {
    const next = cursorAt('e', 100).fork();
    next.overtake();
    next.goOn({ epoch: 'g', offset: 100 });
    next.restart({ epoch: 'g', offset: 108 });
    expect(next.count()).toBe(true);
  });

  it('is all told after a gap of another epoch, where nothing can be compared', () => {
    const next = cursorAt('e', 0).fork();
    next.overtake();
    next.restart({ epoch: 'g', offset: 0 });
    expect(next.count()).toBe(true);
  });

  it('is all told after a gap that goes back in its epoch: no frame is taken for a repeated one', () => {
    const next = cursorAt('e', 100).fork();
    next.overtake();
    next.goOn({ epoch: 'e', offset: 100 });
    next.restart({ epoch: 'e', offset: 94 });
    expect(next.count()).toBe(true);
    expect(next.point).toBe('e.95');
  });

  it('is all told after a connection that begins with a gap, even in the same epoch', () => {
    const next = cursorAt('e', 100).fork();
    next.overtake();
    next.overtake();
    next.begin({ epoch: 'e', offset: 101 });
    expect(next.count()).toBe(true);
  });
});

describe('a bridge that says that it resumed', () => {
  it('is believed at the point that it was asked for, and in another epoch', () => {
    expect(cursorAt('e', 41).fork().goOn({ epoch: 'e', offset: 41 })).toBe(true);
    expect(cursorAt('e', 41).fork().goOn({ epoch: 'f', offset: 0 })).toBe(true);
    expect(new ResumeCursor().goOn({ epoch: 'f', offset: 9 })).toBe(true);
  });

  it.each([40, 42, 0])('is not believed at another offset of the same epoch: 41 became %d', (offset) => {
    const next = cursorAt('e', 41).fork();
    next.overtake();
    expect(next.goOn({ epoch: 'e', offset })).toBe(false);
    expect(next.count()).toBe(true);
  });

  it('is not believed after the point was given up, which is then owed a gap until there is a new one', () => {
    const given = cursorAt('e', 41);
    given.giveUp();
    expect(given.point).toBeUndefined();
    const next = given.fork();
    expect(next.goOn({ epoch: 'f', offset: 0 })).toBe(false);
    expect(next.fork().goOn({ epoch: 'f', offset: 0 })).toBe(true);
    const fresh = new ResumeCursor();
    fresh.giveUp();
    expect(fresh.goOn({ epoch: 'f', offset: 0 })).toBe(true);
  });
});
