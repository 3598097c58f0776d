// Needs: nothing but Node. Which release answers the next message of a session: what new runs take, what it had where that does not fit what
// was said in it, or what somebody holds it at.
import { z } from 'zod';
import { pickForSession } from '../../activities/control/pick-for-session';
import { defineAgent, defineTool } from '../../activities/define';
import { createMemoryStore, type ContentStore } from '../../activities/store';
import { canonicalJson } from '../../activities/store/canonical-json';
import { agentPointerName, sessionHoldName, sessionRecordName } from '../../activities/store/ref-names';
import { holdSession, unholdSession } from '../../client/session-hold';
import { releaseForSession } from '../../client/releases';
import type { Message, UserMessage } from '../../workflows/contract/message';
import type { SessionRecord } from '../../workflows/contract/schemas/session-record';
import { WHOLE_SHARE } from '../../workflows/contract/schemas/traffic';
import { manifestFor } from '../stack/manifest-for';

const tool = (name: string) =>
  defineTool({ name, description: name, input: z.object({}), output: z.string(), effect: 'read', run: () => name });
const made = (instructions: string, ...tools: string[]) =>
  manifestFor(defineAgent({ name: 'desk', instructions, mode: 'session', tools: tools.map(tool) }), ['test/model']);
const old = made('old', 'look', 'pay');
const young = made('young', 'look');
const said: UserMessage = { role: 'user', parts: [{ type: 'text', text: 'go on' }] };
const paid: Message = { role: 'assistant', parts: [{ type: 'tool-call', call: 0, name: 'pay', arguments: {} }] };
const looked: Message = { role: 'assistant', parts: [{ type: 'tool-call', call: 0, name: 'look', arguments: {} }] };

let store: ContentStore;
const takes = async (release: string, withdrawn: string[] = []): Promise<void> => {
  const value = { agent: 'desk', release, at: 1, managed: true, epoch: 1, withdrawn };
  await store.commit({ refs: [{ op: 'put', name: agentPointerName('desk'), value }] });
};
const had = async (release: string, trial?: SessionRecord['trial']): Promise<void> => {
  const value = {
    ...{
      schemaVersion: 1,
      id: 's',
      agent: 'desk',
      tenant: 't',
      status: 'open',
      head: null,
      length: 0,
      answered: 1,
      at: 1,
    },
    ...{ plan: { onBusy: 'enqueue', mailbox: 1, idleMs: 1 }, release },
    ...(trial ? { trial } : {}),
  };
  await store.commit({ refs: [{ op: 'put', name: sessionRecordName('s'), value }] });
};
beforeEach(async () => {
  store = createMemoryStore();
  await store.commit({ objects: [canonicalJson(old.manifest), canonicalJson(young.manifest)] });
  await had(old.release);
  await takes(young.release);
});
const picked = (conversation: Message[], checked = young.release) => {
  const mail = { id: 'm', run: 's/m', message: 'h', preview: '', release: checked, sentAt: 1 };
  const input = { session: 's', agent: 'desk', tenant: 't', mail };
  return pickForSession({ store }, input, { message: said, said: conversation });
};
const hold = (release: string) =>
  holdSession(store, { session: 's', tenant: 't' }, { release, why: 'a return', by: 'ana' });

test('it takes the new release, where what was called is still there', async () => {
  const found = await picked([said, looked]);
  expect(found).toMatchObject({ release: young.release });
  expect(found).not.toHaveProperty('stays');
});

test('it stays where a tool that it has called is gone, and says so; one that was taken back it leaves all the same', async () => {
  expect(await picked([said, paid])).toMatchObject({
    release: old.release,
    stays: { insteadOf: young.release, why: ['it has called the tool pay, which is not there any more'] },
  });
  await takes(young.release, [old.release]);
  expect(await picked([said, paid])).toMatchObject({ release: young.release });
});

test('held it stays, or goes ahead, whatever it has called; a release that was taken back holds nothing', async () => {
  await hold(old.release);
  expect(await picked([said, looked])).toMatchObject({ release: old.release });
  expect(await releaseForSession(store, 'desk', { tenant: 't', session: 's', run: 's/m' })).toMatchObject({
    release: old.release,
  });
  await hold('current');
  expect(await picked([said, paid])).toMatchObject({ release: young.release });
  await hold(old.release);
  await takes(young.release, [old.release]);
  expect(await picked([said, looked])).toMatchObject({ release: young.release });
  await expect(hold(old.release)).rejects.toMatchObject({
    code: 'refused',
    message: expect.stringMatching(/was taken back/) as string,
  });
  await takes(young.release);
  expect(await unholdSession(store, { session: 's', tenant: 't' })).toMatchObject({ release: old.release, by: 'ana' });
  expect(await picked([said, looked])).toMatchObject({ release: young.release });
  expect(await unholdSession(store, { session: 's', tenant: 't' })).toBeUndefined();
});

test('what another agent’s session of that id was held at holds nothing', async () => {
  const hold = { schemaVersion: 1, session: 's', agent: 'shop', release: old.release, why: 'w', by: 'b', at: 1 };
  await store.commit({ refs: [{ op: 'put', name: sessionHoldName('s'), value: hold }] });
  expect(await picked([said, looked])).toMatchObject({ release: young.release });
});

describe('while a rollout is under way', () => {
  /** The session is drawn for the candidate, or for what it has. */
  const rollsOut = async (arm: 'candidate' | 'current', rollout = 'rol_1'): Promise<void> => {
    const share = arm === 'candidate' ? WHOLE_SHARE : 0;
    const candidate = { release: young.release, share, rollout, salt: rollout, sticky: 'session' };
    const value = { agent: 'desk', release: old.release, at: 1, managed: true, epoch: 2, candidate };
    await store.commit({ refs: [{ op: 'put', name: agentPointerName('desk'), value }] });
  };
  const arms = ['candidate', 'current'] as const;

  test.each(arms)('one that could not take the candidate counts for neither release: drawn for the %s', async (arm) => {
    await rollsOut(arm);
    const found = await picked([said, paid]);
    expect(found).toMatchObject({ release: old.release, trial: { rollout: 'rol_1', counts: false } });
    expect(found).not.toHaveProperty('rollout');
    expect('stays' in found).toBe(arm === 'candidate');
  });

  test.each(arms)('one that could counts for what it was drawn for: the %s', async (arm) => {
    await rollsOut(arm);
    expect(await picked([said, looked])).toMatchObject({
      ...{ release: arm === 'candidate' ? young.release : old.release, rollout: { id: 'rol_1', arm } },
      trial: { rollout: 'rol_1', counts: true },
    });
  });

  test.each(arms)(
    'what it says later changes nothing in that, until the next rollout: drawn for the %s',
    async (arm) => {
      await rollsOut(arm);
      await had(old.release, { rollout: 'rol_1', counts: true });
      expect(await picked([said, paid])).toMatchObject({ release: old.release, rollout: { id: 'rol_1', arm } });
      await had(old.release, { rollout: 'rol_1', counts: false });
      expect(await picked([said, looked])).not.toHaveProperty('rollout');
      await rollsOut(arm, 'rol_2');
      expect(await picked([said, looked])).toMatchObject({ rollout: { id: 'rol_2', arm } });
    },
  );

  test('one that has the candidate, and one that begins, count', async () => {
    await rollsOut('candidate');
    await had(young.release);
    expect(await picked([said, looked])).toMatchObject({ release: young.release, rollout: { arm: 'candidate' } });
    await store.deleteRef(sessionRecordName('s'));
    expect(await picked([])).toMatchObject({ release: young.release, rollout: { arm: 'candidate' } });
  });
});

test.each([
  [{ session: 'none', tenant: 't' }, { release: 'current' }, 'session-not-found'],
  [{ session: 's', tenant: 'other' }, { release: 'current' }, 'session-not-found'],
  [{ session: 's', tenant: 't' }, { release: 'v9' }, 'invalid-input'],
])('what cannot be held is refused: %j %j', async (of, { release }, code) => {
  await expect(holdSession(store, of, { release, why: 'w', by: 'b' })).rejects.toMatchObject({ code });
});
