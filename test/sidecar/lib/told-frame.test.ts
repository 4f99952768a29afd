import { ToldFrame } from '../../../sidecar/lib/told-frame';

let frames: ToldFrame;
let heard: string[];
beforeEach(() => {
  frames = new ToldFrame();
  heard = [];
});

const listener = (name: string) => (frame: string) => void heard.push(`${name} ${frame}`);

describe('a frame that is told to many', () => {
  it('is told to each once, however often it is the latest', () => {
    frames.add(listener('a'));
    frames.tell('1');
    frames.tell('1');
    frames.tell('2');
    expect([heard, frames.latest]).toEqual([['a 1', 'a 2'], '2']);
  });

  it('is told to those that came since as well when it is the same as before', () => {
    frames.add(listener('a'));
    frames.tell('1');
    frames.add(listener('b'));
    frames.tell('1');
    frames.tell('2');
    expect(heard).toEqual(['a 1', 'b 1', 'a 2', 'b 2']);
  });

  it('is told to nobody who has left, told or not', () => {
    const [a, b] = [listener('a'), listener('b')];
    frames.add(a);
    frames.tell('1');
    frames.add(b);
    frames.delete(a);
    frames.delete(b);
    frames.tell('2');
    expect(heard).toEqual(['a 1']);
  });
});
