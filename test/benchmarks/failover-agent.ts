// The agent of the failover benchmark: one question, one answer, by a route of two.
import { defineAgent } from '../../activities/define';
import type { LoadedAgent } from '../../activities/deps';
import { manifestFor } from '../stack/manifest-for';

export const asker = defineAgent({ name: 'asker', instructions: 'Answer.' });

export const failoverRelease = (): LoadedAgent => manifestFor(asker, ['a/model', 'b/model']);
