// Needs: a scratch folder and Unix sockets. The view of the store that tools get is the same directly and through the broker.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectStoreBroker, directToolStore } from '../../activities/store';
import { serveStoreBroker } from '../../workers/store-broker';
import { toolStoreSuite } from './tool-store.spec';

toolStoreSuite('direct', (store) => Promise.resolve({ view: directToolStore(store), close: () => Promise.resolve() }));

toolStoreSuite('broker', async (store) => {
  const folder = await mkdtemp(join(tmpdir(), 'longhaul-test-'));
  const socketPath = join(folder, 'store.sock');
  const broker = await serveStoreBroker({ store, socketPath });
  const view = connectStoreBroker(socketPath);
  return {
    view,
    close: async () => {
      await view.close();
      await broker.close();
      await rm(folder, { recursive: true });
    },
  };
});
