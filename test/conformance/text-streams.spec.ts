// What every way to watch answers keeps to. Run by text-streams.test.ts for each.
import { TEXT_CHARS_MAX } from '../../activities/stream/live-text';
import type { TextEvent, TextPosition, TextPublisher, TextReader, TextSink } from '../../activities/stream/port';

export interface StreamsUnderTest {
  /** A worker, as another process would be. */
  publisher(): Promise<TextPublisher>;
  reader(): TextReader;
  /** Breaks every connection there is between the two. */
  breakAll(): Promise<void>;
  remove(): Promise<void>;
}

/** What a reader has, as every reader is to put it together. */
interface Read {
  events: TextEvent[];
  shown(): string;
  /** Resolves once it shows that. */
  until(text: string): Promise<void>;
  leave(): Promise<void>;
}

const LONG_MS = 20_000;
let runs = 0;

export function textStreamsSuite(name: string, open: () => Promise<StreamsUnderTest>): void {
  describe(`text streams: ${name}`, () => {
    let under: StreamsUnderTest;
    let run: string;
    const publishers: TextPublisher[] = [];
    const readers: TextReader[] = [];
    const reads: Read[] = [];
    beforeAll(async () => {
      under = await open();
    }, 60_000);
    beforeEach(() => {
      run = `run_${(runs += 1)}`;
    });
    afterEach(async () => {
      await Promise.all(reads.splice(0).map((one) => one.leave()));
      await Promise.all(readers.splice(0).map((one) => one.close()));
      await Promise.all(publishers.splice(0).map((one) => one.close()));
    });
    afterAll(() => under.remove());

    const publisher = async (): Promise<TextPublisher> => {
      const made = await under.publisher();
      publishers.push(made);
      return made;
    };
    const reader = (): TextReader => {
      const made = under.reader();
      readers.push(made);
      return made;
    };
    const sinkOf = (of: TextPublisher, begunAt: number, attempt = 1, turn = 1): TextSink =>
      of.open({ run, turn, attempt, begunAt });
    const read = (from = reader(), after?: TextPosition, of = run): Read => {
      const stop = new AbortController();
      const events: TextEvent[] = [];
      let shown = '';
      let look: () => void = () => undefined;
      const reading = (async () => {
        for await (const event of from.read(of, { signal: stop.signal, ...(after ? { after } : {}) })) {
          events.push(event);
          shown = shown.slice(0, event.sequence - event.text.length) + event.text;
          look();
        }
      })();
      const made: Read = {
        events,
        shown: () => shown,
        until: (text) =>
          new Promise((resolve, reject) => {
            const timer = setTimeout(() => reject(new Error(`it shows "${shown.slice(-80)}"`)), LONG_MS);
            look = () => {
              if (shown !== text) return;
              clearTimeout(timer);
              resolve();
            };
            look();
          }),
        leave: async () => {
          stop.abort();
          await reading;
        },
      };
      reads.push(made);
      return made;
    };

    test('what is said arrives, with where it belongs and how far it is', async () => {
      const sink = sinkOf(await publisher(), 1_000, 2, 3);
      const seen = read();
      sink.text('Hello');
      await seen.until('Hello');
      sink.text(', world 🌍');
      await seen.until('Hello, world 🌍');
      expect(seen.events[0]).toEqual({ run, turn: 3, attempt: 2, begunAt: 1_000, sequence: 5, text: 'Hello' });
      expect(seen.events.at(-1)?.sequence).toBe('Hello, world 🌍'.length);
      expect(sink.wasRead()).toBe(true);
    });

    test('who comes late is given all of it at once, then what follows', async () => {
      const sink = sinkOf(await publisher(), 1_000);
      sink.text('a');
      sink.text('b');
      const seen = read();
      await seen.until('ab');
      expect(seen.events).toHaveLength(1);
      sink.text('c');
      await seen.until('abc');
      expect(seen.events[1]).toMatchObject({ sequence: 3, text: 'c' });
    });

    test('an answer that nobody watches is known to be unread', async () => {
      const of = await publisher();
      const sink = sinkOf(of, 1_000);
      const other = read(reader(), undefined, `${run}_other`);
      sink.text('unread');
      const told = of.open({ run: `${run}_other`, turn: 1, attempt: 1, begunAt: 1 });
      told.text('read');
      await other.until('read');
      expect([sink.wasRead(), told.wasRead()]).toEqual([false, true]);
    });

    test('who comes again goes on behind what it has read', async () => {
      const sink = sinkOf(await publisher(), 1_000);
      sink.text('one ');
      const first = read();
      await first.until('one ');
      await first.leave();
      sink.text('two');
      const again = read(reader(), first.events.at(-1));
      await again.until('two');
      expect(again.events).toEqual([{ run, turn: 1, attempt: 1, begunAt: 1_000, sequence: 7, text: 'two' }]);
    });

    test('who comes again after another attempt has begun is given all of that one', async () => {
      const of = await publisher();
      sinkOf(of, 2_000, 2).text('anew');
      const seen = read(reader(), { begunAt: 1_000, sequence: 500 });
      await seen.until('anew');
      expect(seen.events[0]).toMatchObject({ attempt: 2, sequence: 4, text: 'anew' });
    });

    test('a new attempt takes the place of the old one, from another worker too, and the old one is silent from then on', async () => {
      const [dead, next] = [await publisher(), await publisher()];
      const seen = read();
      const old = sinkOf(dead, 1_000);
      old.text('The answer is fo');
      await seen.until('The answer is fo');
      sinkOf(next, 2_000, 2).text('It is');
      await seen.until('It is');
      old.text('rty-two');
      const after = sinkOf(next, 3_000, 3);
      after.text('42');
      await seen.until('42');
      expect(seen.events.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    });

    test('a worker that goes away in the middle is waited for, and the next one is found', async () => {
      const dead = await publisher();
      const seen = read();
      sinkOf(dead, 1_000).text('half an ans');
      await seen.until('half an ans');
      await dead.close();
      publishers.splice(publishers.indexOf(dead), 1);
      sinkOf(await publisher(), 2_000, 2).text('whole');
      await seen.until('whole');
    }, 30_000);

    test('a connection that breaks is made again, and nothing is missing or said twice', async () => {
      const sink = sinkOf(await publisher(), 1_000);
      const seen = read();
      sink.text('before ');
      await seen.until('before ');
      await under.breakAll();
      sink.text('during ');
      await seen.until('before during ');
      sink.text('after');
      await seen.until('before during after');
      expect(seen.events.map(({ text }) => text).join('')).toBe('before during after');
    }, 30_000);

    test('runs do not hear each other', async () => {
      const of = await publisher();
      const seen = read();
      of.open({ run: `${run}_other`, turn: 1, attempt: 1, begunAt: 1 }).text('not for you');
      sinkOf(of, 1_000).text('for you');
      await seen.until('for you');
      expect(seen.events.map((event) => event.run)).toEqual([run]);
    });

    test('a long answer arrives whole, for one who comes late too, and no character is cut in two', async () => {
      const sink = sinkOf(await publisher(), 1_000);
      const piece = 'x🌍"\n\u0001é'.repeat(3_000);
      const early = read();
      for (let nth = 0; nth < 3; nth += 1) sink.text(piece);
      const whole = piece.repeat(3);
      await early.until(whole);
      const late = read();
      await late.until(whole);
      for (const { text } of [...early.events, ...late.events]) expect(text.isWellFormed()).toBe(true);
    }, 60_000);

    test('a reader that stands still holds nobody up, and is given the rest in one piece', async () => {
      const sink = sinkOf(await publisher(), 1_000);
      const slow = reader().read(run);
      sink.text('x');
      const first = await slow.next();
      expect(first.value).toMatchObject({ sequence: 1 });
      const quick = read();
      let said = 'x';
      for (let nth = 0; nth < 500; nth += 1) {
        sink.text(`piece ${nth} `);
        said += `piece ${nth} `;
      }
      await quick.until(said);
      const rest = await slow.next();
      expect(rest.value).toMatchObject({ sequence: said.length, text: said.slice(1) });
      await slow.return();
    });

    test('of an answer without end a million characters are held, and no more', async () => {
      const of = await publisher();
      const sink = sinkOf(of, 1_000);
      for (let nth = 0; nth < 30; nth += 1) sink.text('y'.repeat(100_000));
      const seen = reader().read(run, { after: { begunAt: 1_000, sequence: TEXT_CHARS_MAX - 10 } });
      expect((await seen.next()).value).toMatchObject({ sequence: TEXT_CHARS_MAX, text: 'y'.repeat(10) });
      await seen.return();
    });
  });
}
