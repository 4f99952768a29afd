import { describe, expect, it } from '@jest/globals';
import { visible, visibleLines } from '../../stdio/visible';

describe('text from outside', () => {
  it('shows the controls that a terminal would obey: C0, DEL, C1 and those of direction', () => {
    expect(visible('\u001b]0;x\u0007\r\n\u007f\u009b2J\u202e\u2066\u200f\u061c\u2028')).toBe(
      String.raw`\u001b]0;x\u0007\u000d\u000a\u007f\u009b2J\u202e\u2066\u200f\u061c\u2028`,
    );
  });

  it('is otherwise as it was', () => {
    const text = '{"é":"田 🎉 \u200d\u00a0","a\\n":[1]}';
    expect([visible(text), visibleLines(text)]).toEqual([text, text]);
  });

  it('of several lines keeps its line feeds and tabs', () => {
    expect(visibleLines('a\n\tb\r\u001bc')).toBe(String.raw`a
	b\u000d\u001bc`);
  });
});
