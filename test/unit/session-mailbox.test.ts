// Needs: nothing. The mailbox of a session on a clock of its own: what is taken, in which order, what is refused, and what it does next.
import type { Outcome } from '../../workflows/contract/run';
import type { RunEnded } from '../../workflows/contract/run-ended';
import type { OnBusy, SendAnswer, SendRequest, SessionInput } from '../../workflows/contract/session';
import { joined, maySteer, RECENT_MAX, sendRefusal, take, type Session } from '../../workflows/session/mailbox';
import { lookAfterMs, nextStep, type NextStep } from '../../workflows/session/next-step';
import {
  cancelSession,
  dropAll,
  newSession,
  pauseSession,
  putBack,
  resumeSession,
  retireSession,
  settle,
  takeBegun,
  takeDue,
  takeEnd,
  takeNext,
} from '../../workflows/session/session-state';
import { viewOf } from '../../workflows/session/session-view';

const HOUR = 3_600_000;
const hashOf = (text: string): string => Buffer.from(text.padEnd(32, '.')).toString('hex').slice(0, 64);
const RELEASE = hashOf('release');

/** A session with its clock, moved by hand, that carries out what it decides at once. */
class World {
  now = 1_000_000;
  readonly session: Session;
  readonly begun: string[] = [];
  constructor(onBusy: OnBusy = 'enqueue', mailbox = 100, from?: SessionInput['from']) {
    const plan = { onBusy, mailbox, idleMs: 24 * HOUR };
    const input: SessionInput = {
      ...{ schemaVersion: 1, session: 's', agent: 'friend', tenant: 'acme', plan },
      ...(from ? { from } : {}),
    };
    this.session = { input, state: newSession(input, this.now) };
  }
  request(id: string, more: Partial<SendRequest> = {}): SendRequest {
    return {
      ...{ id, run: `s/${id}`, agent: 'friend', tenant: 'acme', release: RELEASE },
      ...{ message: hashOf(id), preview: id },
      ...more,
    };
  }
  send(id: string, more: Partial<SendRequest> = {}): SendAnswer | string {
    const request = this.request(id, more);
    const refusal = sendRefusal(this.session, request);
    return refusal ? refusal.type : take(this.session, request, this.now);
  }
  step(): NextStep {
    takeDue(this.session.state, this.now);
    return nextStep(this.session.state, this.now);
  }
  /** Begins what is next. */
  begin(): string | undefined {
    if (this.step().do !== 'begin') return undefined;
    const mail = takeNext(this.session.state);
    takeBegun(this.session.state, { kind: 'begun', release: RELEASE }, this.now);
    if (mail) this.begun.push(mail.id);
    return mail?.id;
  }
  end(outcome: Outcome = 'completed'): void {
    const { state } = this.session;
    const run = state.current?.mail.run ?? '';
    const length = state.reached.length + 2;
    const ended: RunEnded = { run, outcome, head: hashOf(run), length, startedAt: this.now, endedAt: this.now };
    takeEnd(state, ended);
    settle(state, { head: ended.head, length }, this.now);
  }
  /** As continue-as-new carries it: through JSON. */
  carried(): World {
    const world = new World();
    const { input, state } = JSON.parse(JSON.stringify(this.session)) as Session;
    Object.assign(world, { now: this.now, session: { input, state } });
    return world;
  }
}

test('cancelled it takes no message for the moment, stops what is answered, drops what waits, paused or not, and ends', () => {
  const world = new World();
  world.send('a');
  world.begin();
  world.send('b');
  world.send('c', { afterMs: HOUR });
  pauseSession(world.session.state);
  cancelSession(world.session.state);
  expect(world.send('d')).toBe('Session.Busy');
  expect(world.send('b')).toMatchObject({ repeated: true });
  expect(world.step()).toEqual({ do: 'stop', run: 's/a', reason: 'the session was cancelled' });
  world.end('cancelled');
  expect(world.step()).toEqual({ do: 'drop', reason: 'the session was cancelled: send it again, by another id' });
  expect(dropAll(world.session.state).map(({ id }) => id)).toEqual(['b', 'c']);
  expect(world.step()).toEqual({ do: 'end', as: 'asleep' });
  retireSession(world.session.state);
  expect(world.step()).toEqual({ do: 'end', as: 'retired' });
});

describe('messages', () => {
  test('are answered one by one, in the order in which they were taken', () => {
    const world = new World();
    expect(world.send('a')).toEqual({ run: 's/a', state: 'answering', position: 0 });
    expect(world.send('b')).toEqual({ run: 's/b', state: 'waiting', position: 1 });
    expect(world.begin()).toBe('a');
    expect(world.send('c')).toEqual({ run: 's/c', state: 'waiting', position: 2 });
    expect(world.begin()).toBeUndefined();
    world.end();
    expect(world.begin()).toBe('b');
    world.end();
    expect(world.begin()).toBe('c');
    world.end();
    expect(world.session.state).toMatchObject({ answered: 3, reached: { head: hashOf('s/c'), length: 6 } });
    expect(world.step()).toEqual({ do: 'rest', withinMs: 24 * HOUR });
  });

  test('sent again are the same message, wherever they are by then, and across a continue-as-new', () => {
    const world = new World();
    world.send('a');
    world.begin();
    world.send('b');
    for (const one of [world, world.carried()]) {
      expect(one.send('a')).toEqual({ run: 's/a', state: 'answering', position: 0, repeated: true });
      expect(one.send('b')).toEqual({ run: 's/b', state: 'waiting', position: 1, repeated: true });
    }
    world.end();
    const after = world.carried();
    expect(after.send('a')).toEqual({ run: 's/a', state: 'answered', position: 0, repeated: true });
    expect(after.session.state.waiting.map(({ id }) => id)).toEqual(['b']);
  });

  test('with the id of another one, which said something else, are refused', () => {
    const world = new World();
    world.send('a');
    expect(world.send('a', { message: hashOf('other') })).toBe('Session.MessageChanged');
  });

  test('are remembered by the last thousand ids, of which the state carries less than 400 KB', () => {
    const world = new World('enqueue', 1_000);
    const long = (n: number): string => `${n}`.padStart(100, 'm');
    for (let n = 0; n < RECENT_MAX; n += 1) world.send(long(n), { preview: 'p'.repeat(120) });
    expect(world.send('one more')).toBe('Session.MailboxFull');
    expect(JSON.stringify(world.session.state.recent).length).toBeLessThan(200_000);
    expect(world.begin()).toBe(long(0));
    world.end();
    world.send('one more');
    expect(world.session.state.recent).toHaveLength(RECENT_MAX);
    expect(world.session.state.recent[0]?.id).toBe(long(1));
  });

  test('of another tenant, or to another agent, find no session, whether or not they are repeats', () => {
    const world = new World();
    world.send('a');
    expect(world.send('a', { tenant: 'other' })).toBe('Session.NotFound');
    expect(world.send('b', { agent: 'stranger' })).toBe('Session.NotFound');
  });

  test.each([
    ['nothing', undefined],
    ['a text', 'hello'],
    ['no id', { id: '' }],
    ['an id that is too long', { id: 'x'.repeat(101) }],
    ['no hash', { message: 'hello' }],
    ['a preview that is content', { preview: 'x'.repeat(121) }],
    ['a time that is none', { at: Number.NaN }],
  ])('that are %s are refused', (_, part) => {
    const world = new World();
    const request = typeof part === 'object' ? { ...world.request('a'), ...part } : part;
    expect(sendRefusal(world.session, request as SendRequest)?.type).toBe('Session.BadMessage');
  });
});

describe('while another is being answered', () => {
  test('enqueue holds as many as its mailbox has room for, those of a later time among them', () => {
    const world = new World('enqueue', 2);
    world.send('a');
    world.begin();
    world.send('b');
    expect(world.send('later', { afterMs: HOUR })).toMatchObject({ state: 'later', position: 2 });
    expect(world.send('c')).toBe('Session.MailboxFull');
    world.end();
    world.begin();
    expect(world.send('c')).toMatchObject({ position: 1 });
  });

  test('reject refuses what comes, until it is free', () => {
    const world = new World('reject');
    world.send('a');
    expect(world.send('b')).toBe('Session.Busy');
    world.begin();
    expect(world.send('b')).toBe('Session.Busy');
    expect(world.send('a')).toMatchObject({ repeated: true });
    expect(world.send('later', { afterMs: HOUR })).toMatchObject({ state: 'later' });
    takeEnd(world.session.state, {
      ...{ run: 's/a', outcome: 'completed', head: hashOf('s/a'), length: 2, startedAt: 0, endedAt: 1 },
    });
    // It has not gone on from there yet.
    expect(world.send('b')).toMatchObject({ state: 'waiting', position: 1 });
    expect(world.send('c')).toBe('Session.Busy');
  });

  test('interrupt ends the answer under way, once, and goes on from where that came to', () => {
    const world = new World('interrupt');
    world.send('a');
    world.begin();
    world.send('b');
    world.send('c');
    expect(world.step()).toEqual({ do: 'stop', run: 's/a', reason: 'a newer message of its session came: b' });
    const { current } = world.session.state;
    if (current) current.isStopping = true;
    expect(world.step()).toMatchObject({ do: 'follow', run: 's/a' });
    world.end('cancelled');
    expect(world.begin()).toBe('b');
    // Of those that were there when its answer began none is newer.
    expect(world.step()).toMatchObject({ do: 'follow', run: 's/b' });
  });

  test('a message whose time has come interrupts too', () => {
    const world = new World('interrupt');
    world.send('later', { afterMs: 10 });
    world.send('a');
    world.begin();
    expect(world.step().do).toBe('follow');
    world.now += 10;
    expect(world.step()).toMatchObject({ do: 'stop', run: 's/a' });
  });

  test('steer passes it to the run under way, which answers it', () => {
    const world = new World('steer');
    const request = world.request('b');
    expect(maySteer(world.session, request)).toBe(false);
    world.send('a');
    world.begin();
    expect(maySteer(world.session, request)).toBe(true);
    expect(maySteer(world.session, world.request('c', { afterMs: HOUR }))).toBe(false);
    joined(world.session.state, request, 's/a', world.now);
    expect(maySteer(world.session, request)).toBe(false);
    expect(world.send('b')).toEqual({ run: 's/a', state: 'joined', position: 0, repeated: true });
    takeEnd(world.session.state, {
      ...{ run: 's/a', outcome: 'completed', head: hashOf('h'), length: 4, startedAt: 0, endedAt: 1 },
    });
    expect(maySteer(world.session, world.request('d'))).toBe(false);
  });
});

describe('times', () => {
  test('a message for later waits for its time, and then behind those that are there', () => {
    const world = new World();
    world.send('later', { afterMs: HOUR });
    world.send('latest', { at: world.now + 3 * HOUR });
    world.send('soon', { afterMs: 10 });
    expect(world.session.state.later.map(({ id }) => id)).toEqual(['soon', 'later', 'latest']);
    expect(world.step()).toEqual({ do: 'rest', withinMs: 10 });
    world.now += HOUR;
    world.send('a');
    const order = [world.begin()];
    for (const _ of [1, 2]) {
      world.end();
      order.push(world.begin());
    }
    expect(order).toEqual(['a', 'soon', 'later']);
    world.end();
    expect(world.step()).toEqual({ do: 'rest', withinMs: 2 * HOUR });
  });

  test('one that is due already is answered now', () => {
    const world = new World();
    expect(world.send('a', { at: 5 })).toMatchObject({ state: 'answering' });
  });

  test('a session falls asleep after its idle time, and not while something is to come, or it is paused', () => {
    const world = new World();
    world.now += 24 * HOUR - 1;
    expect(world.step()).toEqual({ do: 'rest', withinMs: 1 });
    world.send('later', { afterMs: 100 * HOUR });
    world.now += 50 * HOUR;
    expect(world.step()).toEqual({ do: 'rest', withinMs: 50 * HOUR });
    world.now += 50 * HOUR;
    world.begin();
    world.end();
    pauseSession(world.session.state);
    world.now += 1_000 * HOUR;
    expect(world.step()).toEqual({ do: 'rest', withinMs: Infinity });
    resumeSession(world.session.state, world.now);
    expect(world.step()).toEqual({ do: 'rest', withinMs: 24 * HOUR });
    world.now += 24 * HOUR;
    expect(world.step()).toEqual({ do: 'end', as: 'asleep' });
  });

  test('what is woken goes on from where it was', () => {
    const world = new World('enqueue', 100, { head: hashOf('before'), length: 7 });
    expect(world.session.state.reached).toEqual({ head: hashOf('before'), length: 7 });
  });

  test('a run that tells nothing is looked for ever more seldom, at most once an hour', () => {
    expect([0, 1, 2, 6, 100].map(lookAfterMs)).toEqual([30_000, 60_000, 120_000, 1_920_000, HOUR]);
  });
});

describe('its life', () => {
  test('paused, it finishes what is being answered and begins nothing; resumed, it goes on', () => {
    const world = new World();
    world.send('a');
    world.begin();
    pauseSession(world.session.state, { reason: 'maintenance' });
    expect(world.send('b')).toMatchObject({ state: 'waiting', position: 1 });
    expect(world.step().do).toBe('follow');
    world.end();
    expect(world.begin()).toBeUndefined();
    expect(world.send('c')).toMatchObject({ state: 'waiting', position: 1 });
    expect(viewOf(world.session)).toMatchObject({ status: 'paused', reason: 'maintenance' });
    resumeSession(world.session.state, world.now);
    expect(world.begin()).toBe('b');
  });

  test('retired, it refuses, answers what it has taken, drops what is for later, and ends', () => {
    const world = new World();
    world.send('a');
    world.begin();
    world.send('b');
    world.send('later', { afterMs: HOUR });
    retireSession(world.session.state, { reason: 'done' });
    retireSession(world.session.state, { reason: 'twice' });
    expect(world.send('c')).toBe('Session.Retired');
    expect(world.send('b')).toMatchObject({ repeated: true });
    world.end();
    expect(world.begin()).toBe('b');
    world.end();
    expect(world.step()).toEqual({ do: 'drop', reason: 'the session is retired: done' });
    expect(dropAll(world.session.state).map(({ id }) => id)).toEqual(['later']);
    expect(world.step()).toEqual({ do: 'end', as: 'retired' });
    expect(viewOf(world.session)).toMatchObject({ status: 'retiring', reason: 'done', answered: 3 });
  });

  test('retired while it is paused, it answers nothing more', () => {
    const world = new World();
    world.send('a');
    pauseSession(world.session.state);
    retireSession(world.session.state);
    expect(world.step().do).toBe('drop');
  });

  test('what could not be begun waits again, before all others', () => {
    const world = new World();
    world.send('a');
    world.send('b');
    takeNext(world.session.state);
    putBack(world.session.state);
    expect(world.session.state.waiting.map(({ id }) => id)).toEqual(['a', 'b']);
    expect(world.begin()).toBe('a');
    putBack(world.session.state);
    expect(world.session.state.current?.mail.id).toBe('a');
  });

  test('the plan of a newer release holds from the next run on', () => {
    const world = new World();
    world.send('a');
    takeNext(world.session.state);
    const plan = { onBusy: 'reject' as const, mailbox: 5, idleMs: HOUR };
    takeBegun(world.session.state, { kind: 'begun', release: RELEASE, plan }, world.now);
    expect(world.send('b')).toBe('Session.Busy');
    expect(viewOf(world.session)).toMatchObject({ plan, status: 'answering', run: 's/a' });
  });

  test('a message that a run has answered before is over, and where the session is does not change', () => {
    const world = new World();
    world.send('a');
    takeNext(world.session.state);
    takeBegun(world.session.state, { kind: 'repeated' }, world.now);
    expect(world.session.state).toMatchObject({ answered: 1, reached: { head: null, length: 0 } });
    expect(world.session.state.current).toBeUndefined();
  });

  test('the end of a run that it does not follow means nothing', () => {
    const world = new World();
    world.send('a');
    world.begin();
    takeEnd(world.session.state, {
      ...{ run: 's/old', outcome: 'completed', head: hashOf('old'), length: 1, startedAt: 0, endedAt: 1 },
    });
    expect(world.step().do).toBe('follow');
  });
});
