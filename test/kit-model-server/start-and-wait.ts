// Starts a model server process, says where, and waits to be killed.
import { startModelServerProcess, type ProcessOptions } from '../kit/model-server';

void startModelServerProcess(JSON.parse(process.argv[2] ?? '{}') as ProcessOptions).then(({ controlUrl, pid }) => {
  process.stdout.write(`${JSON.stringify({ controlUrl, pid })}\n`);
});
